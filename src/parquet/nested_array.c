/* Arrays of what leaves have decoded: of one leaf, and of a column of groups from its leaves. */
#include <assert.h>
#include <inttypes.h>

#include "parquet/nested.h"

/* ---- one leaf ---- */

static enum lam_status values_array(const struct lam_values *values, int64_t count, bool binary, struct ArrowArray *out,
                                    struct lam_error *error) {
  struct lam_shared *const buffers[] = {NULL, binary ? values->offsets : values->data, values->data};
  return lam_array_init(count, 0, binary ? 3 : 2, buffers, NULL, out, error);
}

/* Slots [first, first + count) of the `all` that the run has. */
static enum lam_status leaf_array(const struct lam_chunk *chunk, int64_t all, int64_t first, int64_t count,
                                  bool nullable, struct ArrowArray *out, struct lam_error *error) {
  const struct lam_run *run = &chunk->run;
  bool binary = chunk->class == LAM_VALUES_BINARY;
  int64_t nulls = nullable ? run->nulls : 0;
  if (nulls > 0 && count < all) nulls = count - lam_bits_count(run->validity->data, first, count);
  struct lam_shared *validity = nulls > 0 ? run->validity : NULL;
  if (chunk->class == LAM_VALUES_VIEWS) return lam_views_array(chunk, first, count, nulls, out, error);
  if (chunk->as_dictionary) {
    const struct lam_values *values = run->dictionary ? &chunk->dictionary : &run->values;
    struct lam_shared *const buffers[] = {validity, run->indices};
    struct ArrowArray dictionary;
    LAM_TRY(values_array(values, values->count, binary, &dictionary, error));
    enum lam_status status = lam_array_init(count, nulls, 2, buffers, &dictionary, out, error);
    lam_array_release(&dictionary);
    LAM_TRY(status);
  } else {
    struct lam_shared *const buffers[] = {validity, binary ? run->values.offsets : run->values.data, run->values.data};
    LAM_TRY(lam_array_init(count, nulls, binary ? 3 : 2, buffers, NULL, out, error));
  }
  out->offset = first;
  return LAM_OK;
}

enum lam_status lam_leaf_array(const struct lam_chunk *chunk, int64_t first, int64_t rows, struct ArrowArray *out,
                               struct lam_error *error) {
  return leaf_array(chunk, chunk->run.rows, first, rows, true, out, error);
}

/* ---- a column of groups ---- */

struct assembly {
  struct lam_mem *mem;
  struct lam_nested_part *parts; /* `first` is the slot that is next at the field under way */
  int64_t row;                   /* of the row group, the batch's first */
  bool all_validity;
  struct lam_error *error;
};

static const struct lam_nested_node *node_of(const struct assembly *a, int32_t leaf, int32_t depth) {
  return &a->parts[leaf].chunk->nested->nodes[depth];
}

static const uint8_t *validity_of(const struct assembly *a, int32_t leaf, int32_t depth) {
  return node_of(a, leaf, depth)->validity->data;
}

static const int32_t *offsets_of(const struct assembly *a, int32_t leaf, int32_t depth) {
  return (const int32_t *)(const void *)node_of(a, leaf, depth)->offsets->data + a->parts[leaf].first;
}

/* Leaves say different things of the slot numbered `slot` among those under way. */
static enum lam_status disagreement(const struct assembly *a, int32_t leaf, int32_t other, int32_t depth,
                                    int64_t slot) {
  const struct lam_chunk *chunk = a->parts[leaf].chunk;
  int64_t row = a->parts[leaf].first + slot;
  for (int32_t d = depth - 1; d >= 0; d--) { /* up to the row: the list whose entries have the slot */
    const struct lam_nested_node *node = &chunk->nested->nodes[d];
    if (!node->list) continue;
    const int32_t *offsets = (const int32_t *)(const void *)node->offsets->data;
    int64_t low = 0, high = chunk->nested->slots[node->lists];
    while (high - low > 1) {
      int64_t middle = low + (high - low) / 2;
      if (offsets[middle] <= row)
        low = middle;
      else
        high = middle;
    }
    row = low;
  }
  row += chunk->nested->row - chunk->run.rows;
  return lam_fail(a->error, LAM_CORRUPT,
                  "row %" PRId64 ": its leaves %" PRId32 " and %" PRId32
                  " disagree about a list or group that both are of",
                  row, leaf, other);
}

/* The first of `count` bits in which two bitmaps differ, or `count`. */
static int64_t first_difference(const uint8_t *a, int64_t a_offset, const uint8_t *b, int64_t b_offset, int64_t count) {
  int64_t i = 0;
  if (((a_offset | b_offset) & 7) == 0) {
    size_t bytes = (size_t)(count / 8);
    if (memcmp(a + a_offset / 8, b + b_offset / 8, bytes) == 0) i = (int64_t)bytes * 8;
  }
  while (i < count && lam_bit_get(a, a_offset + i) == lam_bit_get(b, b_offset + i)) i++;
  return i;
}

static enum lam_status check_validity(const struct assembly *a, const struct lam_field *field, int32_t depth,
                                      int64_t count) {
  int32_t leaf = field->leaf;
  for (int32_t other = leaf + 1; other < leaf + field->leaves; other++) {
    if (node_of(a, leaf, depth)->nulls == 0 && node_of(a, other, depth)->nulls == 0) continue;
    int64_t same = first_difference(validity_of(a, leaf, depth), a->parts[leaf].first, validity_of(a, other, depth),
                                    a->parts[other].first, count);
    if (same < count) return disagreement(a, leaf, other, depth, same);
  }
  return LAM_OK;
}

static enum lam_status check_offsets(const struct assembly *a, const struct lam_field *field, int32_t depth,
                                     int64_t count) {
  const int32_t *offsets = offsets_of(a, field->leaf, depth);
  for (int32_t other = field->leaf + 1; other < field->leaf + field->leaves; other++) {
    const int32_t *others = offsets_of(a, other, depth);
    int32_t moved = others[0] - offsets[0];
    unsigned differ = 0;
    for (int64_t i = 0; i <= count; i++) differ |= (unsigned)(others[i] - offsets[i] - moved);
    if (!differ) continue;
    int64_t i = 0;
    while (others[i + 1] - offsets[i + 1] == moved) i++;
    return disagreement(a, field->leaf, other, depth, i);
  }
  return LAM_OK;
}

static enum lam_status null_key(const struct assembly *a) {
  return lam_fail(a->error, LAM_CORRUPT, "from row %" PRId64 " on: the key of a map is NULL", a->row);
}

/* The validity of slots [first, first + count) of a node as a bitmap that begins with them; NULL where all are valid.
 */
static enum lam_status make_validity(const struct assembly *a, const struct lam_field *field, int32_t depth,
                                     int64_t count, struct lam_shared **out, int64_t *nulls) {
  const struct lam_nested_node *node = node_of(a, field->leaf, depth);
  int64_t first = a->parts[field->leaf].first;
  *out = NULL;
  *nulls = 0;
  if (node->definition == 0) return LAM_OK;
  LAM_TRY(check_validity(a, field, depth, count));
  if (node->nulls == 0) return LAM_OK;
  *nulls = count - lam_bits_count(node->validity->data, first, count);
  if (*nulls == 0) return LAM_OK;
  if (field->is_key) return null_key(a);
  if (first == 0) {
    *out = lam_shared_retain(node->validity);
    return LAM_OK;
  }
  LAM_TRY(lam_shared_create(a->mem, (size_t)(count + 7) / 8, out, a->error));
  (*out)->data[(count + 7) / 8 - 1] = 0;
  lam_bits_copy((*out)->data, 0, node->validity->data, first, count);
  return LAM_OK;
}

/* The same of a list's offsets, from 0 on. */
static enum lam_status make_offsets(const struct assembly *a, const struct lam_field *field, int32_t depth,
                                    int64_t count, struct lam_shared **out) {
  const struct lam_nested_node *node = node_of(a, field->leaf, depth);
  LAM_TRY(check_offsets(a, field, depth, count));
  if (a->parts[field->leaf].first == 0) {
    *out = lam_shared_retain(node->offsets);
    return LAM_OK;
  }
  LAM_TRY(lam_shared_create(a->mem, ((size_t)count + 1) * sizeof(int32_t), out, a->error));
  const int32_t *from = offsets_of(a, field->leaf, depth);
  int32_t *to = (int32_t *)(void *)(*out)->data;
  for (int64_t i = 0; i <= count; i++) to[i] = from[i] - from[0];
  return LAM_OK;
}

static enum lam_status make_array(const struct assembly *a, const struct lam_field *field, int32_t depth, int64_t count,
                                  struct ArrowArray *out);

static enum lam_status make_leaf(const struct assembly *a, const struct lam_field *field, int64_t count,
                                 struct ArrowArray *out) {
  const struct lam_nested_part *part = &a->parts[field->leaf];
  const struct lam_run *run = &part->chunk->run;
  if (part->chunk->nested->no_values) return lam_array_init(count, count, 0, NULL, NULL, out, a->error);
  bool whole = run->nulls == 0 || lam_bits_count(run->validity->data, part->first, count) == count;
  if (field->is_key && !whole) return null_key(a);
  return leaf_array(part->chunk, run->values.count, part->first, count, field->nullable || a->all_validity, out,
                    a->error);
}

static enum lam_status make_children(const struct assembly *a, const struct lam_field *field, int32_t depth,
                                     int64_t count, struct ArrowArray *out) {
  for (int32_t i = 0; i < field->count; i++)
    LAM_TRY(make_array(a, &field->fields[i], depth + 1, count, out->children[i]));
  return LAM_OK;
}

static enum lam_status make_array(const struct assembly *a, const struct lam_field *field, int32_t depth, int64_t count,
                                  struct ArrowArray *out) {
  struct lam_shared *buffers[2] = {NULL, NULL};
  bool list = field->type != LAM_TYPE_STRUCT;
  int64_t nulls, below = count;
  if (lam_field_is_leaf(field)) return make_leaf(a, field, count, out);
  enum lam_status status = make_validity(a, field, depth, count, &buffers[0], &nulls);
  if (status == LAM_OK && list) status = make_offsets(a, field, depth, count, &buffers[1]);
  if (status == LAM_OK)
    status = lam_array_init_nested(count, nulls, list ? 2 : 1, buffers, field->count, out, a->error);
  lam_shared_release(buffers[0]);
  lam_shared_release(buffers[1]);
  LAM_TRY(status);
  for (int32_t i = field->leaf; list && i < field->leaf + field->leaves; i++) {
    const int32_t *offsets = offsets_of(a, i, depth);
    below = offsets[count] - offsets[0];
    a->parts[i].first = offsets[0];
  }
  status = make_children(a, field, depth, below, out);
  if (status != LAM_OK) lam_array_release(out);
  return status;
}

enum lam_status lam_nested_array(struct lam_mem *mem, const struct lam_field *root, struct lam_nested_part *parts,
                                 int64_t rows, bool all_validity, struct ArrowArray *out, struct lam_error *error) {
  const struct lam_chunk *chunk = parts->chunk;
  int64_t row = chunk->nested->row - chunk->run.rows + parts->first;
  out->release = NULL;
  return make_array(&(struct assembly){mem, parts, row, all_validity, error}, root, 0, rows, out);
}
