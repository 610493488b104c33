#include "ops/keep.h"

#include <stdio.h>

#include "base/uuid.h"
#include "parquet/codec.h"

enum {
  MOST_KEY_VALUES = 4096,
  LONGEST_STEM = 255 - (int)sizeof "-.parquet" + 1 - (LAM_UUID_ROOM - 1), /* file systems allow names of 255 bytes */
};

/* ---- metadata ---- */

static enum lam_status text_of(struct lam_arena *arena, struct lam_bytes bytes, const char **out,
                               struct lam_error *error) {
  char *text;
  LAM_TRY(lam_arena_string(arena, bytes, &text, error));
  *out = text;
  return LAM_OK;
}

/* A value with a NUL inside cannot be passed on as a string, and no writer known makes one. */
static bool is_text(struct lam_bytes bytes) {
  return bytes.data && !memchr(bytes.data, 0, bytes.size);
}

enum lam_status lam_keep_file(struct lam_keep *keep, const struct lam_file *file, struct lam_error *error) {
  const struct lam_file_meta *meta = lam_file_meta(file);
  void *memory;
  int32_t count = meta->key_value_count < MOST_KEY_VALUES ? meta->key_value_count : MOST_KEY_VALUES;
  LAM_TRY(lam_arena_array(keep->arena, (size_t)count, sizeof *keep->key_values, &memory, error));
  keep->key_values = memory;
  keep->key_value_count = 0;
  for (int32_t i = 0; i < count; i++) {
    const struct lam_key_value *kv = &meta->key_values[i];
    if (!is_text(kv->key) || !is_text(kv->value)) continue;
    struct lam_write_key_value *to = &keep->key_values[keep->key_value_count++];
    LAM_TRY(text_of(keep->arena, kv->key, &to->key, error));
    LAM_TRY(text_of(keep->arena, kv->value, &to->value, error));
  }
  return lam_column_options_of(file, keep->arena, &keep->columns, &keep->column_count, error);
}

void lam_keep_common(struct lam_keep *keep, const struct lam_file_meta *meta) {
  int32_t kept = 0;
  for (int32_t i = 0; i < keep->key_value_count; i++) {
    struct lam_bytes value = lam_key_value_find(meta, keep->key_values[i].key);
    if (value.data && lam_bytes_equal(value, lam_bytes_of_string(keep->key_values[i].value)))
      keep->key_values[kept++] = keep->key_values[i];
  }
  keep->key_value_count = kept;
}

void lam_keep_drop(struct lam_keep *keep, const char *key) {
  int32_t kept = 0;
  for (int32_t i = 0; i < keep->key_value_count; i++)
    if (strcmp(keep->key_values[i].key, key) != 0) keep->key_values[kept++] = keep->key_values[i];
  keep->key_value_count = kept;
}

enum lam_status lam_keep_change(struct lam_keep *keep, const struct lam_change_options *options,
                                const struct ArrowSchema *schema, struct lam_error *error) {
  if (options->compression) {
    enum lam_codec codec;
    int level;
    LAM_TRY(lam_codec_parse(options->compression, &codec, &level, error));
    for (int32_t i = 0; i < keep->column_count; i++) {
      keep->columns[i].codec = (int)codec;
      keep->columns[i].level = level;
    }
  }
  keep->no_page_index = options->no_page_index;
  if (!options->bloom) return LAM_OK;
  return lam_column_options_bloom(options->bloom, schema, keep->arena, &keep->columns, &keep->column_count, error);
}

void lam_keep_write(const struct lam_keep *keep, struct lam_write_options *out) {
  out->columns = keep->columns;
  out->column_count = keep->column_count;
  out->key_values = keep->key_values;
  out->key_value_count = keep->key_value_count;
  out->no_page_index = keep->no_page_index;
}

/* ---- sorting ---- */

static bool same_sorting(const struct lam_row_group_meta *a, const struct lam_row_group_meta *b) {
  if (a->sorting_count != b->sorting_count) return false;
  for (int32_t i = 0; i < a->sorting_count; i++)
    if (a->sorting[i].column != b->sorting[i].column || a->sorting[i].descending != b->sorting[i].descending ||
        a->sorting[i].nulls_first != b->sorting[i].nulls_first)
      return false;
  return true;
}

/* The column that is that leaf itself; NULL where it is within one. */
static const struct lam_schema_node *flat_column(const struct lam_file_meta *meta, int32_t leaf) {
  for (int32_t i = 0; i < meta->top_count; i++) {
    const struct lam_schema_node *top = &meta->nodes[meta->tops[i]];
    if (top->leaf == leaf && top->children == 0) return top;
  }
  return NULL;
}

enum lam_status lam_keep_sorting(const struct lam_file *file, struct lam_arena *arena, struct lam_sort_key **keys,
                                 int32_t *count, struct lam_error *error) {
  *keys = NULL;
  *count = 0;
  LAM_TRY(lam_file_read_footer(file, error)); /* a sidecar does not say where NULLs are */
  const struct lam_file_meta *meta = lam_file_meta(file);
  const struct lam_row_group_meta *first = meta->row_groups;
  for (int32_t g = 1; g < meta->row_group_count; g++)
    if (!same_sorting(first, &first[g])) return LAM_OK;
  if (meta->row_group_count == 0) return LAM_OK;
  LAM_TRY(lam_arena_array(arena, (size_t)first->sorting_count, sizeof **keys, (void **)keys, error));
  for (; *count < first->sorting_count; ++*count) {
    const struct lam_sorting_column *sorting = &first->sorting[*count];
    const struct lam_schema_node *column = flat_column(meta, sorting->column);
    if (!column) return LAM_OK;
    struct lam_sort_key *key = &(*keys)[*count];
    *key = (struct lam_sort_key){NULL, sorting->descending, sorting->nulls_first};
    LAM_TRY(text_of(arena, column->name, &key->column, error));
  }
  return LAM_OK;
}

/* ---- layout ---- */

/* What a node means; a signed integer as wide as its physical type is what it is without an annotation. */
static struct lam_logical meaning_of(const struct lam_schema_node *node) {
  struct lam_logical logical = lam_logical_of(node);
  bool plain = logical.kind == LAM_LOGICAL_INTEGER && logical.is_signed &&
               logical.bit_width == (node->physical == LAM_INT32 ? 32 : 64);
  return plain ? (struct lam_logical){.kind = LAM_LOGICAL_NONE} : logical;
}

/* Writers annotate by logical types, converted types or both, and readers take either. */
static bool same_meaning(const struct lam_schema_node *x, const struct lam_schema_node *y) {
  struct lam_logical a = meaning_of(x), b = meaning_of(y);
  if ((x->converted == LAM_CONVERTED_INTERVAL) != (y->converted == LAM_CONVERTED_INTERVAL)) return false;
  if (x->logical.raw.size || y->logical.raw.size) return x->logical.kind == y->logical.kind;
  return a.kind == b.kind && a.utc == b.utc && a.unit == b.unit && a.precision == b.precision && a.scale == b.scale &&
         a.bit_width == b.bit_width && a.is_signed == b.is_signed;
}

static bool same_node(const struct lam_schema_node *x, const struct lam_schema_node *y) {
  return x->physical == y->physical && x->type_length == y->type_length && x->children == y->children &&
         same_meaning(x, y);
}
static bool same_place(const struct lam_schema_node *x, const struct lam_schema_node *y) {
  return x->repetition == y->repetition && lam_bytes_equal(x->name, y->name);
}

bool lam_same_layout(const struct lam_file_meta *a, const struct lam_file_meta *b) {
  if (a->leaf_count != b->leaf_count || a->node_count != b->node_count) return false;
  for (int32_t i = 0; i < a->node_count; i++)
    if (!same_node(&a->nodes[i], &b->nodes[i]) || (i > 0 && !same_place(&a->nodes[i], &b->nodes[i]))) return false;
  return true;
}

/* The nodes of a column, which stand together. */
static int32_t end_of(const struct lam_file_meta *meta, int32_t column) {
  return column + 1 < lam_top_columns(meta) ? lam_top_node(meta, column + 1) : meta->node_count;
}

bool lam_same_column(const struct lam_file_meta *a, int32_t a_column, const struct lam_file_meta *b, int32_t b_column) {
  int32_t x = lam_top_node(a, a_column), y = lam_top_node(b, b_column), count = end_of(a, a_column) - x;
  if (end_of(b, b_column) - y != count) return false;
  for (int32_t i = 0; i < count; i++)
    if (!same_node(&a->nodes[x + i], &b->nodes[y + i]) || a->nodes[x + i].repetition != b->nodes[y + i].repetition)
      return false;
  return true;
}

/* ---- names ---- */

static const char *name_of(const struct lam_snapshot *snapshot, size_t file) {
  const char *key = snapshot->files[file].key, *slash = strrchr(key, '/');
  return slash ? slash + 1 : key;
}

/* Whether an output "<stem>-<uuid>.parquet" made now stands between the files that stay beside its inputs
 * [first, first + count). */
static bool keeps_place(const struct lam_snapshot *snapshot, const char *stem, size_t size, size_t first,
                        size_t count) {
  const struct lam_directory_partition *d = &snapshot->partitions[snapshot->files[first].partition];
  char uuid[LAM_UUID_ROOM], name[512];
  if (lam_uuid_ordered(NULL, uuid, NULL) != LAM_OK || size > 255) return false;
  snprintf(name, sizeof name, "%.*s-%s.parquet", (int)size, stem, uuid);
  if (first > d->first_file && strcmp(name_of(snapshot, first - 1), name) >= 0) return false;
  return first + count == d->first_file + d->file_count || strcmp(name, name_of(snapshot, first + count)) < 0;
}

enum lam_status lam_keep_stem(const struct lam_snapshot *snapshot, size_t first, size_t count, struct lam_arena *arena,
                              char **out, struct lam_error *error) {
  const char *name = name_of(snapshot, first), *dot = strrchr(name, '.');
  size_t whole = strlen(name), base = dot ? (size_t)(dot - name) : whole, shorter = lam_uuid_stem(name, base);
  if (shorter == base || lam_uuid_stem(name, shorter) == shorter) shorter = base;
  /* The shortest that keeps its place: of two outputs of one change the first keeps its UUID, or it would pass the
   * second. */
  size_t size = keeps_place(snapshot, name, shorter, first, count) ? shorter
                : keeps_place(snapshot, name, base, first, count)  ? base
                                                                   : whole;
  if (size > LONGEST_STEM) {
    size = LONGEST_STEM;
    while (size > 1 && ((uint8_t)name[size] & 0xc0) == 0x80) size--; /* not within a character */
  }
  return lam_arena_string(arena, lam_bytes_of(name, size), out, error);
}
