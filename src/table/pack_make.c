#include "table/pack_make.h"

#include <inttypes.h>

#include "base/context.h"
#include "base/threads.h"
#include "parquet/append.h"
#include "parquet/prune.h"
#include "sidecar/pack.h"
#include "table/table.h"
#include "table/walk.h"

enum { FILES_AT_ONCE = 256 };

#define CLOCK_KEY "pm/pack.clock"

/* ---- the clock ---- */

/* The file system's time: that of a file made now. */
static enum lam_status read_clock(struct lam_store *meta, int64_t *out, struct lam_error *error) {
  struct lam_output *output;
  struct lam_object_info info;
  enum lam_status status = meta->ops->remove(meta, CLOCK_KEY, NULL);
  if (status != LAM_OK && status != LAM_NOT_FOUND) return meta->ops->remove(meta, CLOCK_KEY, error);
  LAM_TRY(meta->ops->create(meta, CLOCK_KEY, &output, error));
  LAM_TRY(meta->ops->close_output(output, error));
  LAM_TRY(meta->ops->stat(meta, CLOCK_KEY, &info, error));
  *out = info.mtime_ns;
  return meta->ops->remove(meta, CLOCK_KEY, error);
}

/* ---- files ---- */

struct making {
  struct lam_directory *directory;
  struct lam_mem *mem;
  struct lam_arena arena; /* of `walked` */
  struct lam_snapshot snapshot;
  struct lam_walked *walked;
  size_t walked_count;
  struct lam_pack_builder *builder;
  struct lam_pack_counts counts;
  struct opened {
    size_t index; /* in the snapshot */
    struct lam_arena arena;
    struct lam_file *file; /* NULL: it cannot be read */
    struct lam_facts_column *facts;
    int64_t dead;
  } * opened;
  size_t opened_count, next; /* of those the next to be taken */
};

static bool says_something_of_the_file(enum lam_status status) {
  return status == LAM_CORRUPT || status == LAM_INVALID || status == LAM_UNSUPPORTED || status == LAM_NOT_FOUND;
}

static enum lam_status read_facts(const struct lam_file *file, struct opened *to, struct lam_error *error) {
  const struct lam_file_meta *meta = lam_file_meta(file);
  void *memory;
  LAM_TRY(lam_file_dead_bytes(file, lam_file_mem(file), &to->dead, error));
  LAM_TRY(lam_arena_array(&to->arena, (size_t)meta->leaf_count, sizeof *to->facts, &memory, error));
  to->facts = memory;
  for (int32_t i = 0; i < meta->leaf_count; i++) {
    struct lam_leaf leaf;
    to->facts[i] = (struct lam_facts_column){.nulls = -1, .may_be_nan = true};
    if (meta->nodes[meta->leaves[i]].max_repetition > 0) continue;
    if (lam_leaf_of_node(meta, meta->leaves[i], &leaf, NULL) != LAM_OK) continue;
    LAM_TRY(lam_file_facts(file, i, &to->arena, &to->facts[i], error));
  }
  return LAM_OK;
}

static enum lam_status open_file(void *user, size_t index, struct lam_error *error) {
  struct making *m = user;
  struct opened *to = &m->opened[index];
  const struct lam_data_file *data = &m->snapshot.files[to->index];
  struct lam_error why = LAM_ERROR_INIT;
  LAM_TRY(lam_check_cancel(m->directory->context, error));
  enum lam_status status = lam_snapshot_file_unopened(m->directory, &m->snapshot, data, NULL, m->mem, &to->file, &why);
  if (status == LAM_OK && !lam_identity_equal(lam_identity_of(lam_file_info(to->file)), data->identity))
    status = lam_fail(&why, LAM_NOT_FOUND, "%s: it was replaced while it was looked at", data->key);
  if (status == LAM_OK) status = read_facts(to->file, to, &why);
  if (status == LAM_OK) return LAM_OK;
  lam_file_close(to->file);
  to->file = NULL;
  if (says_something_of_the_file(status)) {
    lam_log(m->directory->context, LAM_LOG_INFO, "the pack knows nothing of a file: %s", why.message);
    return LAM_OK;
  }
  lam_error_copy(error, &why);
  return status;
}

static void close_opened(struct making *m) {
  for (size_t i = 0; i < m->opened_count; i++) {
    lam_file_close(m->opened[i].file);
    lam_arena_release(&m->opened[i].arena);
  }
  m->opened_count = m->next = 0;
}

/* The next files that must be opened, from `first` on, at the same time. */
static enum lam_status open_some(struct making *m, size_t first, struct lam_error *error) {
  close_opened(m);
  for (size_t i = first; i < m->snapshot.file_count && m->opened_count < FILES_AT_ONCE; i++) {
    if (m->snapshot.files[i].packed) continue;
    struct opened *to = &m->opened[m->opened_count++];
    *to = (struct opened){.index = i};
    lam_arena_init(&to->arena, m->mem);
  }
  return lam_pool_run(lam_context_pool(m->directory->context), m->opened_count, 0, open_file, m, error);
}

static enum lam_status add_opened(struct making *m, size_t index, struct lam_error *error) {
  if (m->next == m->opened_count) LAM_TRY(open_some(m, index, error));
  const struct opened *opened = &m->opened[m->next++];
  const struct lam_data_file *data = &m->snapshot.files[index];
  struct pack_file file = {.schema = PACK_NONE,
                           .inode = data->identity.inode,
                           .size = data->identity.size,
                           .mtime_ns = data->identity.mtime_ns,
                           .dead = -1};
  m->counts.opened++;
  if (opened->file) {
    struct lam_error why = LAM_ERROR_INIT;
    enum lam_status status = lam_pack_add_schema(m->builder, lam_file_meta(opened->file), &file.schema, &why);
    if (status == LAM_UNSUPPORTED) {
      file.schema = PACK_NONE;
    } else if (status != LAM_OK) {
      lam_error_copy(error, &why);
      return status;
    }
    file.rows = (uint64_t)lam_file_rows(opened->file);
    file.dead = opened->dead;
    file.row_groups = (uint32_t)lam_file_row_groups(opened->file);
  }
  m->counts.unknown += file.schema == PACK_NONE;
  return lam_pack_add_file(m->builder, data->key, file, opened->facts, error);
}

static enum lam_status add_files(struct making *m, const struct lam_directory_partition *partition,
                                 struct lam_error *error) {
  for (size_t i = partition->first_file; i < partition->first_file + partition->file_count; i++) {
    const struct lam_data_file *file = &m->snapshot.files[i];
    if (file->packed)
      LAM_TRY(lam_pack_add_known(m->builder, m->snapshot.pack, file->packed - 1, error));
    else
      LAM_TRY(add_opened(m, i, error));
  }
  return LAM_OK;
}

static enum lam_status add_directories(struct making *m, struct lam_error *error) {
  const struct lam_snapshot *snapshot = &m->snapshot;
  size_t next = 0; /* partition */
  for (size_t i = 0; i < m->walked_count; i++) {
    const struct lam_walked *walked = &m->walked[i];
    const struct pack_directory directory = {.inode = walked->info.inode,
                                             .mtime_ns = walked->info.mtime_ns,
                                             .ctime_ns = walked->info.ctime_ns,
                                             .others = (uint32_t)lam_min_u64(walked->others, UINT32_MAX),
                                             .flags = walked->has_links ? PACK_HAS_LINKS : 0};
    LAM_TRY(lam_pack_add_directory(m->builder, walked->key, directory, error));
    if (next == snapshot->partition_count || strcmp(snapshot->partitions[next].directory, walked->key) != 0) continue;
    LAM_TRY(add_files(m, &snapshot->partitions[next++], error));
  }
  return LAM_OK;
}

/* ---- the pack ---- */

static enum lam_status list_table(struct making *m, struct lam_error *error) {
  LAM_TRY(lam_snapshot_record(m->directory, &m->arena, &m->snapshot, &m->walked, &m->walked_count, error));
  if (m->snapshot.foreign)
    return lam_fail(error, LAM_UNSUPPORTED, "%s holds %s: it is another format's table, and gets no pack",
                    m->directory->name, m->snapshot.foreign);
  if (m->snapshot.file_count >= PACK_NONE)
    return lam_fail(error, LAM_LIMIT, "%s has %zu files, too many for a pack", m->directory->name,
                    m->snapshot.file_count);
  m->counts.files = m->snapshot.file_count;
  return LAM_OK;
}

static enum lam_status write_pack(struct making *m, int64_t taken_ns, struct lam_error *error) {
  struct lam_buf bytes;
  lam_buf_init(&bytes, m->mem);
  enum lam_status status = lam_pack_finish(m->builder, taken_ns, m->snapshot.sequence, &bytes, error);
  m->counts.bytes = bytes.size;
  if (status == LAM_OK)
    status = lam_store_put_cache(m->directory->meta, LAM_PACK_KEY, lam_bytes_of(bytes.data, bytes.size), error);
  lam_buf_release(&bytes);
  return status;
}

static enum lam_status make(struct making *m, int64_t taken_ns, struct lam_error *error) {
  LAM_TRY(lam_store_make_directories(m->directory->meta, "pm", error));
  if (!taken_ns) LAM_TRY(read_clock(m->directory->meta, &taken_ns, error));
  LAM_TRY(list_table(m, error));
  void *memory;
  LAM_TRY(lam_arena_array(&m->arena, FILES_AT_ONCE, sizeof *m->opened, &memory, error));
  m->opened = memory;
  LAM_TRY(lam_pack_builder_open(m->mem, (uint32_t)m->snapshot.file_count, &m->builder, error));
  LAM_TRY(add_directories(m, error));
  return write_pack(m, taken_ns, error);
}

enum lam_status lam_pack_make(struct lam_directory *directory, bool trust, int64_t taken_ns,
                              struct lam_pack_counts *out, struct lam_error *error) {
  struct making m = {.directory = directory, .mem = directory->mem};
  enum lam_pack_use before = directory->pack_use;
  if (!directory->meta)
    return lam_fail(error, LAM_UNSUPPORTED, "%s is a file or a glob, and has no pack", directory->name);
  lam_arena_init(&m.arena, m.mem);
  directory->pack_use = trust ? LAM_PACK_TRUSTED : LAM_PACK_FACTS;
  enum lam_status status = make(&m, taken_ns, error);
  directory->pack_use = before;
  close_opened(&m);
  lam_pack_builder_close(m.builder);
  if (m.snapshot.arena.mem) lam_snapshot_release(&m.snapshot);
  lam_arena_release(&m.arena);
  if (out) *out = m.counts;
  return status;
}

/* Making a pack anew takes time by all files of the table, and what an old one does not know costs readers little: the
 * directories that commits have changed since are listed, their new files looked up by their sidecars. So a large table
 * has one pack for several commits, about FILES_OF_A_COMMIT files of it written for each. A pack of another form, or
 * one that cannot be read, is always due. */
enum { FILES_OF_A_COMMIT = 4096, MOST_COMMITS = 32, CHANGED_SHARE = 16 };

static bool is_due(struct lam_store *meta, uint64_t sequence, uint64_t changed) {
  struct lam_input *input;
  struct pack_header head;
  if (meta->ops->open(meta, LAM_PACK_KEY, &input, &(struct lam_object_info){0}, NULL) != LAM_OK) return false;
  enum lam_status status = meta->ops->read(input, 0, &head, sizeof head, NULL);
  meta->ops->close_input(input);
  if (status != LAM_OK || head.magic != PACK_MAGIC || head.sequence >= sequence) return true;
  uint64_t commits = sequence - head.sequence;
  return commits >= MOST_COMMITS || commits * FILES_OF_A_COMMIT >= head.files || changed * CHANGED_SHARE >= head.files;
}

void lam_pack_renew(struct lam_directory *directory, uint64_t sequence, uint64_t changed) {
  struct lam_error why = LAM_ERROR_INIT;
  if (!directory->meta || !is_due(directory->meta, sequence, changed)) return;
  if (lam_pack_make(directory, true, 0, NULL, &why) != LAM_OK)
    lam_log(directory->context, LAM_LOG_WARN, "the pack is left as it was: %s", why.message);
}
