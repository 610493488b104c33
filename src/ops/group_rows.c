/* Each column has a table from (number of the columns before it, value) to a number; that of the last column is the
 * group's. Values wider than 8 bytes, and strings, are numbered by a table of texts first. */
#include "ops/group_rows.h"

#include "base/checksum.h"

enum { FIRST_SLOTS = 64, MOST_GROUPS = INT32_MAX };
static const uint32_t NULL_MARK = 1u << 31; /* of `before`: the value is NULL */

struct slot {
  uint64_t value;
  uint32_t before; /* the number of the columns before, with NULL_MARK */
  uint32_t number; /* plus 1; 0: the slot is free */
};
struct text {
  const uint8_t *data;
  size_t size;
};
struct text_slot {
  uint64_t hash;
  uint32_t number; /* plus 1; 0: free */
};

struct level {
  int32_t column;
  struct slot *slots; /* a power of two of them, at most half full */
  uint32_t slot_count, count;
  struct text_slot *text_slots;
  uint32_t text_slot_count, text_count;
  struct lam_buf texts;     /* struct text each, by number */
  struct lam_arena storage; /* their bytes */
};

struct lam_grouper {
  struct lam_mem *mem;
  const struct ArrowSchema *schema;
  struct level *levels;
  int32_t level_count;
  struct lam_buf fresh; /* uint32_t rows */
};

static enum lam_status check_column(const struct ArrowSchema *column, struct lam_error *error) {
  struct lam_type type;
  char name[96];
  LAM_TRY(lam_type_parse(column, &type, error));
  bool is_view = type.id == LAM_TYPE_STRING_VIEW || type.id == LAM_TYPE_BINARY_VIEW;
  if (type.id <= LAM_TYPE_FIXED_BINARY && !is_view && !column->dictionary) return LAM_OK;
  return lam_fail(error, LAM_UNSUPPORTED, "column \"%s\" of type %s cannot tell partitions apart", column->name,
                  lam_type_name(&type, name, sizeof name));
}

enum lam_status lam_grouper_open(struct lam_mem *mem, const struct ArrowSchema *schema, const int32_t *columns,
                                 int32_t column_count, struct lam_grouper **out, struct lam_error *error) {
  void *memory;
  *out = NULL;
  for (int32_t i = 0; i < column_count; i++) LAM_TRY(check_column(schema->children[columns[i]], error));
  LAM_TRY(lam_alloc_zero(mem, sizeof **out, &memory, error));
  struct lam_grouper *g = memory;
  g->mem = mem;
  g->schema = schema;
  lam_buf_init(&g->fresh, mem);
  enum lam_status status = lam_alloc_zero(mem, (size_t)column_count * sizeof *g->levels, &memory, error);
  if (status == LAM_OK) {
    g->levels = memory;
    g->level_count = column_count;
    for (int32_t i = 0; i < column_count; i++) {
      g->levels[i].column = columns[i];
      lam_buf_init(&g->levels[i].texts, mem);
      lam_arena_init(&g->levels[i].storage, mem);
    }
    *out = g;
  } else {
    lam_grouper_close(g);
  }
  return status;
}

void lam_grouper_close(struct lam_grouper *g) {
  if (!g) return;
  struct lam_mem *mem = g->mem;
  for (int32_t i = 0; i < g->level_count; i++) {
    struct level *level = &g->levels[i];
    lam_free(mem, level->slots, level->slot_count * sizeof *level->slots);
    lam_free(mem, level->text_slots, level->text_slot_count * sizeof *level->text_slots);
    lam_buf_release(&level->texts);
    lam_arena_release(&level->storage);
  }
  lam_free(mem, g->levels, (size_t)g->level_count * sizeof *g->levels);
  lam_buf_release(&g->fresh);
  lam_free(mem, g, sizeof *g);
}

/* ---- the table of (before, value) ---- */

static uint64_t hash_of(uint32_t before, uint64_t value) {
  uint64_t hash = (value ^ (uint64_t)before * 0x9e3779b97f4a7c15u) * 0x9fb21c651e98df25u;
  return hash ^ hash >> 32;
}

static enum lam_status grow_slots(struct lam_mem *mem, struct level *level, struct lam_error *error) {
  uint32_t wanted = level->slot_count ? level->slot_count * 2 : FIRST_SLOTS;
  void *memory;
  if (level->count >= MOST_GROUPS / 2) return lam_fail(error, LAM_LIMIT, "more than 2^30 groups of rows");
  LAM_TRY(lam_alloc_zero(mem, wanted * sizeof(struct slot), &memory, error));
  struct slot *slots = memory;
  for (uint32_t i = 0; i < level->slot_count; i++) {
    const struct slot *from = &level->slots[i];
    if (!from->number) continue;
    uint64_t at = hash_of(from->before, from->value);
    while (slots[at & (wanted - 1)].number) at++;
    slots[at & (wanted - 1)] = *from;
  }
  lam_free(mem, level->slots, level->slot_count * sizeof *level->slots);
  level->slots = slots;
  level->slot_count = wanted;
  return LAM_OK;
}

/* The number of (before, value), a new one if need be. */
static inline enum lam_status number_of(struct lam_mem *mem, struct level *level, uint32_t before, uint64_t value,
                                        uint32_t *out, struct lam_error *error) {
  if (level->count >= level->slot_count / 2) LAM_TRY(grow_slots(mem, level, error));
  for (uint64_t at = hash_of(before, value);; at++) {
    struct slot *slot = &level->slots[at & (level->slot_count - 1)];
    if (!slot->number) *slot = (struct slot){value, before, ++level->count};
    if (slot->value != value || slot->before != before) continue;
    *out = slot->number - 1;
    return LAM_OK;
  }
}

/* ---- the table of texts ---- */

static enum lam_status grow_text_slots(struct lam_mem *mem, struct level *level, struct lam_error *error) {
  uint32_t wanted = level->text_slot_count ? level->text_slot_count * 2 : FIRST_SLOTS;
  void *memory;
  LAM_TRY(lam_alloc_zero(mem, wanted * sizeof(struct text_slot), &memory, error));
  struct text_slot *slots = memory;
  for (uint32_t i = 0; i < level->text_slot_count; i++) {
    if (!level->text_slots[i].number) continue;
    uint64_t at = level->text_slots[i].hash;
    while (slots[at & (wanted - 1)].number) at++;
    slots[at & (wanted - 1)] = level->text_slots[i];
  }
  lam_free(mem, level->text_slots, level->text_slot_count * sizeof *level->text_slots);
  level->text_slots = slots;
  level->text_slot_count = wanted;
  return LAM_OK;
}

static enum lam_status add_text(struct level *level, struct lam_bytes bytes, struct lam_error *error) {
  char *copy;
  if (level->text_count >= MOST_GROUPS / 2) return lam_fail(error, LAM_LIMIT, "more than 2^30 groups of rows");
  LAM_TRY(lam_arena_string(&level->storage, bytes, &copy, error));
  struct text text = {(const uint8_t *)copy, bytes.size};
  LAM_TRY(lam_buf_append(&level->texts, &text, sizeof text, error));
  level->text_count++;
  return LAM_OK;
}

static struct lam_bytes text_at(const struct level *level, uint32_t number) {
  const struct text *text = (const struct text *)(const void *)level->texts.data + number;
  return lam_bytes_of(text->data, text->size);
}

static enum lam_status number_of_text(struct lam_mem *mem, struct level *level, struct lam_bytes bytes, uint64_t *out,
                                      struct lam_error *error) {
  if (level->text_count >= level->text_slot_count / 2) LAM_TRY(grow_text_slots(mem, level, error));
  uint64_t hash = lam_hash_fast(bytes.data, bytes.size, 0);
  for (uint64_t at = hash;; at++) {
    struct text_slot *slot = &level->text_slots[at & (level->text_slot_count - 1)];
    if (!slot->number) {
      LAM_TRY(add_text(level, bytes, error));
      *slot = (struct text_slot){hash, level->text_count};
    }
    *out = slot->number - 1;
    if (slot->hash == hash && lam_bytes_equal(text_at(level, slot->number - 1), bytes)) return LAM_OK;
  }
}

/* ---- values ---- */

/* Equal floats as equal bits. `width` is 2, 4 or 8 bytes. */
static uint64_t normal_float(uint64_t bits, size_t width) {
  unsigned mantissa = width == 2 ? 10 : width == 4 ? 23 : 52; /* bits, of IEEE 754 */
  uint64_t sign = (uint64_t)1 << (8 * width - 1), magnitude = bits & (sign - 1);
  uint64_t infinity = (sign - 1) >> mantissa << mantissa;
  if (magnitude == 0) return 0;
  return magnitude > infinity ? infinity + 1 : bits;
}

static inline uint64_t fixed_at(const struct lam_view *view, size_t width, int64_t row) {
  const uint8_t *at = (const uint8_t *)view->data + (size_t)(view->offset + row) * width;
  switch (width) {
    case 1: return *at;
    case 2: return lam_load16(at);
    case 4: return lam_load32(at);
    default: return lam_load64(at);
  }
}

/* The value of a row as 8 bytes that are equal where values are. */
static inline enum lam_status value_at(struct lam_mem *mem, struct level *level, const struct lam_view *view,
                                       size_t width, int64_t row, uint64_t *out, struct lam_error *error) {
  if (view->type.id == LAM_TYPE_BOOL) {
    *out = lam_bit_get(view->data, view->offset + row);
    return LAM_OK;
  }
  if (width == 0 || width > 8) {
    struct lam_bytes bytes = lam_view_bytes(view, row);
    if (width) bytes = lam_bytes_of((const uint8_t *)view->data + (size_t)(view->offset + row) * width, width);
    return number_of_text(mem, level, bytes, out, error);
  }
  *out = fixed_at(view, width, row);
  if (lam_type_is_float(view->type.id)) *out = normal_float(*out, width);
  return LAM_OK;
}

/* Widths that fixed_at takes; others are texts. */
static size_t width_of(const struct lam_type *type) {
  size_t width = (size_t)lam_type_bits(type) / 8;
  return type->id == LAM_TYPE_FIXED_BINARY && width != 1 && width != 2 && width != 4 && width != 8 ? 0 : width;
}

static enum lam_status add_column(struct lam_grouper *g, struct level *level, const struct ArrowArray *batch,
                                  uint32_t *groups, bool is_last, struct lam_error *error) {
  struct lam_view view;
  LAM_TRY(lam_view_init(g->schema->children[level->column], batch->children[level->column], &view, error));
  size_t width = width_of(&view.type);
  for (int64_t row = 0; row < batch->length; row++) {
    uint64_t value = 0;
    uint32_t before = groups[row], known = level->count;
    if (lam_view_valid(&view, row))
      LAM_TRY(value_at(g->mem, level, &view, width, row, &value, error));
    else
      before |= NULL_MARK;
    LAM_TRY(number_of(g->mem, level, before, value, &groups[row], error));
    if (!is_last || level->count == known) continue;
    uint32_t at = (uint32_t)row;
    LAM_TRY(lam_buf_append(&g->fresh, &at, sizeof at, error));
  }
  return LAM_OK;
}

enum lam_status lam_grouper_add(struct lam_grouper *g, const struct ArrowArray *batch, uint32_t *groups,
                                uint32_t *first_new, const uint32_t **fresh, uint32_t *fresh_count,
                                struct lam_error *error) {
  if (batch->length > UINT32_MAX) return lam_fail(error, LAM_LIMIT, "a batch of more than 2^32 rows");
  if (batch->length) memset(groups, 0, (size_t)batch->length * sizeof *groups);
  g->fresh.size = 0;
  *first_new = g->levels[g->level_count - 1].count;
  for (int32_t i = 0; i < g->level_count; i++)
    LAM_TRY(add_column(g, &g->levels[i], batch, groups, i == g->level_count - 1, error));
  *fresh = (const uint32_t *)(const void *)g->fresh.data;
  *fresh_count = (uint32_t)(g->fresh.size / sizeof(uint32_t));
  return LAM_OK;
}
