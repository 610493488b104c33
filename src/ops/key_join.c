#include "ops/key_join.h"

enum { BATCH_ROWS = 65536 };

/* ---- cursors ---- */

enum lam_status lam_key_cursor_init(struct lam_key_cursor *c, struct lam_mem *mem, struct lam_sorter *sorter,
                                    const struct ArrowSchema *schema, const int32_t *key_columns, int32_t key_count,
                                    struct lam_error *error) {
  *c = (struct lam_key_cursor){.mem = mem, .sorter = sorter, .schema = schema, .key_count = key_count, .row = -1};
  lam_buf_init(&c->codes, mem);
  lam_buf_init(&c->offsets, mem);
  lam_buf_init(&c->nulls, mem);
  LAM_TRY(lam_alloc_zero(mem, (size_t)key_count * sizeof *c->keys, (void **)&c->keys, error));
  for (int32_t k = 0; k < key_count; k++) c->keys[k].column = key_columns[k];
  return LAM_OK;
}

void lam_key_cursor_release(struct lam_key_cursor *c) {
  lam_array_release(&c->batch);
  lam_buf_release(&c->codes);
  lam_buf_release(&c->offsets);
  lam_buf_release(&c->nulls);
  if (c->keys) lam_free(c->mem, c->keys, (size_t)c->key_count * sizeof *c->keys);
}

static const uint64_t *offsets_of(const struct lam_key_cursor *c) {
  return (const uint64_t *)(const void *)c->offsets.data;
}

struct lam_bytes lam_key_cursor_key(const struct lam_key_cursor *c) {
  const uint64_t *offsets = offsets_of(c);
  return lam_bytes_of(c->codes.data + offsets[c->row], offsets[c->row + 1] - offsets[c->row]);
}

static enum lam_status find_nulls(struct lam_key_cursor *c, struct lam_error *error) {
  LAM_TRY(lam_buf_reset(&c->nulls, (size_t)c->batch.length, error));
  memset(c->nulls.data, 0, (size_t)c->batch.length);
  for (int32_t k = 0; k < c->key_count; k++) {
    struct lam_view view;
    int32_t column = c->keys[k].column;
    LAM_TRY(lam_view_init(c->schema->children[column], c->batch.children[column], &view, error));
    for (int64_t row = 0; row < view.length; row++) c->nulls.data[row] |= !lam_view_valid(&view, row);
  }
  return LAM_OK;
}

static enum lam_status refill(struct lam_key_cursor *c, struct lam_error *error) {
  lam_array_release(&c->batch);
  LAM_TRY(lam_sorter_next(c->sorter, BATCH_ROWS, &c->batch, error));
  c->row = 0;
  if (!c->batch.release) return LAM_OK;
  c->codes.size = 0;
  LAM_TRY(lam_buf_reset(&c->offsets, (size_t)(c->batch.length + 1) * sizeof(uint64_t), error));
  LAM_TRY(lam_keys_encode(c->schema, &c->batch, c->keys, c->key_count, &c->codes, (uint64_t *)(void *)c->offsets.data,
                          error));
  return find_nulls(c, error);
}

enum lam_status lam_key_cursor_next(struct lam_key_cursor *c, struct lam_error *error) {
  if (c->batch.release && ++c->row < c->batch.length) return LAM_OK;
  return refill(c, error);
}

/* ---- the join ---- */

/* Brings the table's cursor to the first key that is not below. */
static enum lam_status seek(struct lam_key_cursor *table, struct lam_bytes key, bool *equal, struct lam_error *error) {
  int order = -1;
  *equal = false;
  while (!lam_key_cursor_at_end(table) && (order = lam_key_compare(lam_key_cursor_key(table), key)) < 0)
    LAM_TRY(lam_key_cursor_next(table, error));
  *equal = !lam_key_cursor_at_end(table) && order == 0;
  return LAM_OK;
}

struct join {
  struct lam_key_cursor *source, *table;
  int64_t numbers;
  struct lam_buf last; /* the key of the last source row that has one, */
  int64_t last_number; /* and its number */
  const struct lam_key_join *calls;
  void *user;
};

static int64_t number_of(const struct join *j) {
  const struct ArrowArray *numbers = j->source->batch.children[j->numbers];
  return ((const int64_t *)numbers->buffers[1])[numbers->offset + j->source->row];
}

static enum lam_status join_row(struct join *j, struct lam_error *error) {
  struct lam_key_cursor *table = j->table;
  struct lam_bytes key = lam_key_cursor_key(j->source);
  if (lam_key_cursor_null(j->source)) return j->calls->insert(j->user, j->source, error);
  if (j->last.size && lam_bytes_equal(key, lam_bytes_of(j->last.data, j->last.size)))
    return j->calls->repeated(j->user, j->source, j->last_number, error);
  j->last.size = 0;
  LAM_TRY(lam_buf_append(&j->last, key.data, key.size, error));
  j->last_number = number_of(j);
  bool equal;
  LAM_TRY(seek(table, key, &equal, error));
  if (!equal) return j->calls->insert(j->user, j->source, error);
  LAM_TRY(j->calls->match(j->user, j->source, table, error));
  for (;;) {
    LAM_TRY(lam_key_cursor_next(table, error));
    if (lam_key_cursor_at_end(table) || lam_key_compare(lam_key_cursor_key(table), key) != 0) return LAM_OK;
    LAM_TRY(j->calls->extra(j->user, table, error));
  }
}

static enum lam_status join_rows(struct join *j, struct lam_error *error) {
  struct lam_key_cursor *source = j->source;
  LAM_TRY(lam_key_cursor_next(j->table, error));
  LAM_TRY(lam_key_cursor_next(source, error));
  while (!lam_key_cursor_at_end(source)) {
    LAM_TRY(join_row(j, error));
    if (source->row + 1 == source->batch.length) LAM_TRY(j->calls->end_batch(j->user, source, error));
    LAM_TRY(lam_key_cursor_next(source, error));
  }
  return LAM_OK;
}

enum lam_status lam_join_keys(struct lam_key_cursor *source, struct lam_key_cursor *table, int64_t numbers,
                              const struct lam_key_join *calls, void *user, struct lam_error *error) {
  struct join j = {.source = source, .table = table, .numbers = numbers, .calls = calls, .user = user};
  lam_buf_init(&j.last, source->mem);
  enum lam_status status = join_rows(&j, error);
  lam_buf_release(&j.last);
  return status;
}
