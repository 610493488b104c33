#include <jansson.h>
#include <stdlib.h>

#include "ops/compact.h"
#include "ops/rotation.h"

enum {
  DEFAULT_MIN_FILES = 2,
  DEFAULT_GROUP_ROWS = 1 << 20,
  DEFAULT_GROUP_BYTES = 128 << 20,
};

enum lam_status lam_compact_options_resolve(const struct lam_compact_options *given, struct lam_compact_options *out,
                                            struct lam_error *error) {
  *out = (struct lam_compact_options)LAM_COMPACT_OPTIONS_INIT;
  LAM_TRY(lam_options_read(given, "LAM_COMPACT_OPTIONS_INIT", out, sizeof *out, error));
  if (out->target_size == 0) out->target_size = LAM_TARGET_SIZE;
  if (out->max_file_size == 0) out->max_file_size = out->target_size / 4 * 3;
  if (out->min_files == 0) out->min_files = DEFAULT_MIN_FILES;
  if (out->row_group_rows == 0) out->row_group_rows = DEFAULT_GROUP_ROWS;
  if (out->row_group_bytes == 0) out->row_group_bytes = DEFAULT_GROUP_BYTES;
  if (out->max_file_size > out->target_size)
    return lam_fail(error, LAM_INVALID,
                    "--max-file-size %llu is above --target-size %llu: full files would be compacted again and again",
                    (unsigned long long)out->max_file_size, (unsigned long long)out->target_size);
  if (out->change.mode != LAM_MODE_REWRITE)
    return lam_fail(error, LAM_INVALID, "a compaction writes new files; there is no other mode");
  if (out->row_group_rows < 0 || out->row_group_bytes < 0)
    return lam_fail(error, LAM_INVALID, "row groups of less than nothing were asked for");
  out->row_group_bytes = lam_min_i64(out->row_group_bytes, (int64_t)lam_min_u64(out->target_size, INT64_MAX));
  return LAM_OK;
}

struct planner {
  const struct lam_snapshot *snapshot;
  const struct lam_compact_options *options;
  struct lam_compact_plan *plan;
};

static bool is_candidate(const struct planner *p, size_t file) {
  const struct lam_data_file *f = &p->snapshot->files[file];
  if (f->through_link) return false;
  return p->options->sort_count > 0 || f->wasteful || f->identity.size < p->options->max_file_size;
}

static void end_run(struct planner *p, size_t partition, size_t first, size_t end, uint64_t bytes) {
  bool enough = p->options->sort_count ? end > first : end - first >= p->options->min_files && end - first >= 2;
  for (size_t i = first; i < end; i++) enough |= p->snapshot->files[i].wasteful;
  if (!enough) return;
  p->plan->tasks[p->plan->task_count++] = (struct lam_compact_task){partition, first, end - first, bytes};
  p->plan->bytes += bytes;
}

static void plan_partition(struct planner *p, size_t partition) {
  const struct lam_directory_partition *d = &p->snapshot->partitions[partition];
  size_t first = d->first_file, end = d->first_file + d->file_count;
  uint64_t bytes = 0;
  for (size_t i = d->first_file; i < end; i++) {
    if (is_candidate(p, i)) {
      bytes += p->snapshot->files[i].identity.size;
      continue;
    }
    end_run(p, partition, first, i, bytes);
    first = i + 1;
    bytes = 0;
  }
  end_run(p, partition, first, end, bytes);
}

static int larger_first(const void *a, const void *b) {
  const struct lam_compact_task *x = a, *y = b;
  if (x->bytes != y->bytes) return x->bytes > y->bytes ? -1 : 1;
  return (x->first > y->first) - (x->first < y->first);
}

enum lam_status lam_compact_plan_make(const struct lam_snapshot *snapshot, const struct lam_compact_options *options,
                                      struct lam_arena *arena, struct lam_compact_plan *out, struct lam_error *error) {
  void *memory;
  *out = (struct lam_compact_plan){.tasks = NULL};
  /* A run has at least one file, so there are no more tasks than files. */
  LAM_TRY(lam_arena_array(arena, snapshot->file_count, sizeof *out->tasks, &memory, error));
  out->tasks = memory;
  struct planner planner = {snapshot, options, out};
  for (size_t i = 0; i < snapshot->partition_count; i++) plan_partition(&planner, i);
  if (out->task_count) qsort(out->tasks, out->task_count, sizeof *out->tasks, larger_first);
  return LAM_OK;
}

static json_t *files_json(const struct lam_snapshot *snapshot, const struct lam_compact_task *task) {
  json_t *files = json_array();
  for (size_t i = 0; i < task->count; i++) {
    const struct lam_data_file *file = &snapshot->files[task->first + i];
    json_array_append_new(
        files, json_pack("{s:s, s:I, s:I, s:I}", "key", file->key, "size", (json_int_t)file->identity.size, "inode",
                         (json_int_t)file->identity.inode, "mtime_ns", (json_int_t)file->identity.mtime_ns));
  }
  return files;
}

static json_t *sorting_json(const struct lam_compact_options *options) {
  json_t *keys = json_array();
  for (int32_t i = 0; i < options->sort_count; i++)
    json_array_append_new(keys,
                          json_pack("{s:s, s:b, s:b}", "column", options->sort_by[i].column, "descending",
                                    options->sort_by[i].descending, "nulls_first", options->sort_by[i].nulls_first));
  return keys;
}

enum lam_status lam_compact_task_json(const struct lam_directory *directory, const struct lam_snapshot *snapshot,
                                      const struct lam_compact_options *options, const struct lam_compact_task *task,
                                      char **out, struct lam_error *error) {
  json_t *json = json_pack(
      "{s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:s?, s:s?, s:b, s:o}", "operation", "compact", "table", directory->name,
      "partition", snapshot->partitions[task->partition].directory, "files", files_json(snapshot, task), "target_size",
      (json_int_t)options->target_size, "row_group_rows", (json_int_t)options->row_group_rows, "row_group_bytes",
      (json_int_t)options->row_group_bytes, "compression", options->change.compression, "bloom", options->change.bloom,
      "page_index", !options->change.no_page_index, "sort_by", sorting_json(options));
  *out = json ? json_dumps(json, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
  json_decref(json);
  /* Packing fails for want of memory, and for names that are not UTF-8, which JSON cannot hold. */
  if (*out) return LAM_OK;
  return lam_fail(error, LAM_UNSUPPORTED, "a task of partition '%s' has no JSON form: a name in it is not UTF-8",
                  snapshot->partitions[task->partition].directory);
}
