/* Sidecars of a table's files: made where they are missing or stale, and checked. The files are only read. */
#include "ops/sidecar_build.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>

#include "base/context.h"
#include "base/options.h"
#include "base/threads.h"
#include "sidecar/pack.h"
#include "table/pack_make.h"
#include "table/sidecars.h"
#include "table/table.h"

enum { SIDECAR_MEMORY = 16 << 20 };

struct run {
  struct lam_context *context;
  struct lam_mem *mem;
  struct lam_directory *directory;
  struct lam_snapshot snapshot;
  struct lam_store *store; /* of the sidecars */
  struct lam_sidecar_build_options options;
  lam_fault_fn each;
  void *user;
  pthread_mutex_t lock; /* of what follows, and around `each` */
  _Atomic bool stopped;
  uint64_t built, current, missing, failed, faults, bytes, file_bytes;
};

/* ---- where they are ---- */

static enum lam_status sidecar_key(const struct run *run, const struct lam_data_file *file, char out[LAM_KEY_MAX + 1],
                                   struct lam_error *error) {
  struct lam_store *store;
  if (lam_sidecar_place(run->directory, file->key, &store, out)) return LAM_OK;
  return lam_fail(error, LAM_UNSUPPORTED, "the path of its sidecar is too long");
}

static enum lam_status place_of(struct run *run, bool write, struct lam_error *error) {
  struct lam_directory *directory = run->directory;
  run->store = directory->single ? directory->data : directory->meta;
  if (directory->single) {
    if (strcmp(directory->pattern, "data.parquet") != 0)
      return lam_fail(error, LAM_INVALID,
                      "%s: a file has its sidecar, _pm, beside it where it is called data.parquet; for another give "
                      "the directory that is its table",
                      directory->name);
    return LAM_OK;
  }
  if (!run->store)
    return lam_fail(error, LAM_INVALID, "%s is a glob: give the directory that is the table", directory->name);
  return write ? lam_directory_prepare(directory, error) : LAM_OK;
}

/* ---- faults ---- */

static void report(struct run *run, const char *file, const char *message) {
  char path[LAM_KEY_MAX + 1024];
  snprintf(path, sizeof path, "%s%s%s", run->directory->name, run->directory->single ? "" : "/",
           run->directory->single ? "" : file);
  /* Messages of the layers below begin with the file where they know it. */
  size_t size = strlen(path);
  if (strncmp(message, path, size) == 0 && strncmp(message + size, ": ", 2) == 0) message += size + 2;
  const struct lam_fault fault = {.struct_size = sizeof fault, .file = path, .message = message};
  pthread_mutex_lock(&run->lock);
  run->faults++;
  if (run->each && !run->stopped && !run->each(run->user, &fault)) run->stopped = true;
  pthread_mutex_unlock(&run->lock);
}

/* What a failure says of one file is listed, and the others are gone on with. */
static enum lam_status settle(struct run *run, const char *file, enum lam_status status, const struct lam_error *why,
                              struct lam_error *error) {
  bool fault = status == LAM_CORRUPT || status == LAM_INVALID || status == LAM_UNSUPPORTED || status == LAM_NOT_FOUND;
  if (status != LAM_OK && !fault) {
    lam_error_copy(error, why);
    return status;
  }
  if (!fault) return LAM_OK;
  report(run, file, why->message);
  pthread_mutex_lock(&run->lock);
  run->failed++;
  pthread_mutex_unlock(&run->lock);
  return LAM_OK;
}

/* ---- build ---- */

static bool is_current(const struct run *run, const struct lam_data_file *file) {
  struct lam_sidecar *sidecar = run->options.force ? NULL : lam_sidecar_of_listed(run->directory, file, run->mem);
  if (!sidecar) return false;
  bool out = !run->options.inline_blooms || !(sidecar->header.features & PM_BLOOM_EXTERNAL);
  lam_sidecar_close(sidecar);
  return out;
}

static enum lam_status put(struct run *run, const struct lam_data_file *file, const char *key,
                           struct lam_error *error) {
  struct lam_file *opened;
  uint64_t size = 0;
  LAM_TRY(lam_snapshot_file_by_footer(run->directory, &run->snapshot, file, NULL, run->mem, &opened, error));
  enum lam_status status =
      lam_sidecar_make(opened, run->options.inline_blooms, run->store, key, run->mem, &size, error);
  if (status == LAM_OK) {
    pthread_mutex_lock(&run->lock);
    run->built++;
    run->bytes += size;
    run->file_bytes += file->identity.size;
    pthread_mutex_unlock(&run->lock);
  }
  lam_file_close(opened);
  return status;
}

static enum lam_status build_file(struct run *run, const struct lam_data_file *file, const char *key,
                                  struct lam_error *error) {
  if (!is_current(run, file)) return put(run, file, key, error);
  pthread_mutex_lock(&run->lock);
  run->current++;
  pthread_mutex_unlock(&run->lock);
  return LAM_OK;
}

/* One file of a build or a check. */
static enum lam_status on_file(struct run *run, size_t index,
                               enum lam_status (*work)(struct run *run, const struct lam_data_file *file,
                                                       const char *key, struct lam_error *error),
                               struct lam_error *error) {
  const struct lam_data_file *file = &run->snapshot.files[index];
  struct lam_error why = LAM_ERROR_INIT;
  char key[LAM_KEY_MAX + 1];
  LAM_TRY(lam_check_cancel(run->context, error));
  if (run->stopped) return LAM_OK;
  enum lam_status status = sidecar_key(run, file, key, &why);
  if (status == LAM_OK) status = work(run, file, key, &why);
  lam_progress_add(run->context, 0, file->identity.size);
  return settle(run, file->key, status, &why, error);
}

static enum lam_status build_one(void *user, size_t index, struct lam_error *error) {
  return on_file(user, index, build_file, error);
}

/* ---- check ---- */

struct check {
  struct run *run;
  const struct lam_data_file *file;
};
static bool check_fault(void *user, const char *message) {
  struct check *check = user;
  report(check->run, check->file->key, message);
  return !check->run->stopped;
}

static enum lam_status check_file(struct run *run, const struct lam_data_file *file, const char *key,
                                  struct lam_error *error) {
  struct lam_sidecar *sidecar;
  struct lam_file *opened;
  struct check check = {run, file};
  const struct lam_sidecar_open_options options = {.token = file->identity.size, .whole = true};
  bool there;
  LAM_TRY(lam_store_exists(run->store, key, &there, error));
  if (!there) {
    pthread_mutex_lock(&run->lock);
    run->missing++;
    pthread_mutex_unlock(&run->lock);
    return LAM_OK;
  }
  LAM_TRY(lam_sidecar_open_in(run->store, key, &options, run->mem, &sidecar, error));
  enum lam_status status =
      lam_snapshot_file_by_footer(run->directory, &run->snapshot, file, NULL, run->mem, &opened, error);
  if (status == LAM_OK) {
    status = lam_sidecar_compare(sidecar, opened, run->mem, check_fault, &check, error);
    lam_file_close(opened);
  }
  lam_sidecar_close(sidecar);
  return status;
}

static enum lam_status check_one(void *user, size_t index, struct lam_error *error) {
  return on_file(user, index, check_file, error);
}

/* ---- the pack ---- */

static enum lam_status make_pack(struct run *run, struct lam_error *error) {
  if (run->directory->single || run->stopped) return LAM_OK;
  return lam_pack_make(run->directory, false, 0, NULL, error); /* from the sidecars */
}

static enum lam_status check_pack(struct run *run, struct lam_error *error) {
  struct lam_pack *pack;
  struct lam_error why = LAM_ERROR_INIT;
  if (run->directory->single || run->stopped) return LAM_OK;
  enum lam_status status = lam_pack_open(run->store, LAM_PACK_KEY, run->mem, &pack, &why);
  if (status == LAM_NOT_FOUND) return LAM_OK;
  if (status == LAM_OK) {
    status = lam_pack_verify(pack, &why);
    lam_pack_close(pack);
  }
  return settle(run, LAM_PACK_KEY, status, &why, error);
}

/* ---- all of them ---- */

static enum lam_status each_file(struct run *run, bool write, struct lam_error *error) {
  struct lam_partition_filter filter;
  struct lam_arena arena;
  LAM_TRY(place_of(run, write, error));
  lam_arena_init(&arena, run->mem);
  enum lam_status status = lam_partition_filter_parse(&arena, run->options.table.partitions,
                                                      (size_t)run->options.table.partition_count, &filter, error);
  if (status == LAM_OK)
    status = lam_snapshot_open(run->directory, filter.count ? &filter : NULL, &run->snapshot, error);
  if (status == LAM_OK) {
    lam_progress_begin(run->context, write ? "sidecar build" : "sidecar check", 0, run->snapshot.bytes);
    status = lam_pool_run(lam_context_pool(run->context), run->snapshot.file_count, 0, write ? build_one : check_one,
                          run, error);
    lam_progress_end(run->context);
  }
  if (status == LAM_OK && write && !filter.count && !run->directory->single) {
    uint64_t removed;
    status = lam_sidecars_sweep(run->directory, &removed, error);
    if (removed) lam_log(run->context, LAM_LOG_INFO, "removed %" PRIu64 " sidecars of files that are gone", removed);
  }
  if (status == LAM_OK) status = write ? make_pack(run, error) : check_pack(run, error);
  return lam_arena_release(&arena), status;
}

/* In run->directory. */
static enum lam_status go(struct run *run, bool write, struct lam_sidecar_build_result *result,
                          struct lam_error *error) {
  run->context = run->directory->context;
  run->mem = run->directory->mem;
  pthread_mutex_init(&run->lock, NULL);
  enum lam_status status = each_file(run, write, error);
  const struct lam_sidecar_build_result counts = {
      .struct_size = sizeof counts,
      .files = run->snapshot.file_count,
      .built = run->built,
      .current = run->current,
      .missing = run->missing,
      .failed = run->failed,
      .faults = run->faults,
      .bytes = run->bytes,
      .file_bytes = run->file_bytes,
  };
  lam_result_write(&counts, sizeof counts, result);
  if (run->snapshot.arena.mem) lam_snapshot_release(&run->snapshot);
  pthread_mutex_destroy(&run->lock);
  return status;
}

static enum lam_status go_at(struct run *run, struct lam_context *context, const char *path, bool write,
                             struct lam_sidecar_build_result *result, struct lam_error *error) {
  struct lam_mem *mem;
  struct lam_memory_use use = {.struct_size = sizeof use};
  lam_context_memory(context, &use);
  LAM_TRY(lam_mem_open(context, lam_min_u64(use.limit / 2, SIDECAR_MEMORY), &mem, error));
  enum lam_status status =
      lam_directory_open(context, path, run->options.table.meta_dir, false, mem, &run->directory, error);
  if (status == LAM_OK) status = go(run, write, result, error);
  lam_directory_close(run->directory);
  lam_mem_close(mem);
  return status;
}

enum lam_status lam_sidecar_build_directory(struct lam_directory *directory,
                                            const struct lam_sidecar_build_options *options, lam_fault_fn each,
                                            void *user, struct lam_sidecar_build_result *result,
                                            struct lam_error *error) {
  struct run run = {.directory = directory, .options = LAM_SIDECAR_BUILD_OPTIONS_INIT, .each = each, .user = user};
  LAM_TRY(lam_options_read(options, "LAM_SIDECAR_BUILD_OPTIONS_INIT", &run.options, sizeof run.options, error));
  return go(&run, true, result, error);
}

enum lam_status lam_sidecar_build(struct lam_context *context, const char *path,
                                  const struct lam_sidecar_build_options *options, lam_fault_fn each, void *user,
                                  struct lam_sidecar_build_result *result, struct lam_error *error) {
  struct run run = {.options = LAM_SIDECAR_BUILD_OPTIONS_INIT, .each = each, .user = user};
  LAM_TRY(lam_options_read(options, "LAM_SIDECAR_BUILD_OPTIONS_INIT", &run.options, sizeof run.options, error));
  return go_at(&run, context, path, true, result, error);
}

enum lam_status lam_sidecar_check(struct lam_context *context, const char *path, const struct lam_table_options *table,
                                  lam_fault_fn each, void *user, struct lam_sidecar_build_result *result,
                                  struct lam_error *error) {
  struct run run = {.options = LAM_SIDECAR_BUILD_OPTIONS_INIT, .each = each, .user = user};
  LAM_TRY(lam_options_read(table, "LAM_TABLE_OPTIONS_INIT", &run.options.table, sizeof run.options.table, error));
  return go_at(&run, context, path, false, result, error);
}
