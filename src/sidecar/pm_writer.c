/* Sidecars of files that have just been written, from their writers' metadata. */
#include "parquet/writer.h"
#include "sidecar/sidecar.h"

/* A writer's schema was never read; a sidecar has it as readers of the footer do. */
static enum lam_status read_node(const struct lam_schema_node *node, bool root, struct lam_arena *arena,
                                 struct lam_schema_node *out, struct lam_error *error) {
  struct lam_buf bytes;
  char *kept;
  lam_buf_init(&bytes, arena->mem);
  enum lam_status status = lam_schema_node_write(node, root, &bytes, error);
  if (status == LAM_OK) status = lam_arena_string(arena, lam_bytes_of(bytes.data, bytes.size), &kept, error);
  if (status == LAM_OK) status = lam_schema_node_parse(lam_bytes_of(kept, bytes.size), out, error);
  lam_buf_release(&bytes);
  return status;
}

static enum lam_status read_nodes(const struct lam_file_meta *meta, struct lam_arena *arena, struct lam_file_meta *out,
                                  struct lam_error *error) {
  *out = *meta;
  LAM_TRY(lam_arena_array(arena, (size_t)meta->node_count, sizeof *out->nodes, (void **)&out->nodes, error));
  for (int32_t i = 0; i < meta->node_count; i++)
    LAM_TRY(read_node(&meta->nodes[i], i == 0, arena, &out->nodes[i], error));
  return lam_schema_link(out, arena, error);
}

enum lam_status lam_sidecar_source_of_writer(const struct lam_writer *writer, struct lam_arena *arena,
                                             struct lam_sidecar_source *out, struct lam_error *error) {
  struct lam_written written;
  struct lam_file_meta *meta;
  LAM_TRY(lam_writer_written(writer, &written, error));
  LAM_TRY(lam_arena_alloc(arena, sizeof *meta, (void **)&meta, error));
  LAM_TRY(read_nodes(written.meta, arena, meta, error));
  *out = (struct lam_sidecar_source){.meta = meta,
                                     .footer_offset = written.footer_offset,
                                     .footer_length = written.footer_size,
                                     .footer_hash = written.footer_hash,
                                     .inode = written.info.inode,
                                     .mtime_ns = written.info.mtime_ns}; /* a new file has no dead bytes */
  if (written.info.size == lam_sidecar_token(out)) return LAM_OK;
  return lam_fail(error, LAM_NOT_FOUND, "the file was replaced after it had been written");
}

enum lam_status lam_sidecar_write(const struct lam_writer *writer, const char *path, struct lam_error *error) {
  static const struct lam_sidecar_format format = {.plain = false};
  struct lam_sidecar_source source;
  struct lam_written written;
  struct lam_store *store;
  struct lam_arena arena;
  const char *key;
  LAM_TRY(lam_writer_written(writer, &written, error));
  LAM_TRY(pm_store_of(lam_mem_context(written.mem), path, &store, &key, error));
  lam_arena_init(&arena, written.mem);
  enum lam_status status = lam_sidecar_source_of_writer(writer, &arena, &source, error);
  if (status == LAM_OK) status = lam_sidecar_put(&source, &format, store, key, written.mem, NULL, error);
  lam_arena_release(&arena);
  lam_store_close(store);
  return status;
}
