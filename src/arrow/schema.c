/* Schemas of the C data interface: each is one small heap object per field, as the interface asks. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "arrow/array.h"
#include "arrow/type.h"
#include "base/error.h"

/* What a schema of ours owns; children and dictionary are structs of ours whose contents a consumer
 * may have moved away (release is then NULL). */
struct owned {
  char *format, *name, *metadata;
};

static void release_schema(struct ArrowSchema *schema) {
  for (int64_t i = 0; i < schema->n_children; i++) {
    if (schema->children[i]) lam_schema_release(schema->children[i]);
    free(schema->children[i]);
  }
  free(schema->children);
  if (schema->dictionary) lam_schema_release(schema->dictionary);
  free(schema->dictionary);
  struct owned *owned = schema->private_data;
  if (owned) {
    free(owned->format);
    free(owned->name);
    free(owned->metadata);
    free(owned);
  }
  memset(schema, 0, sizeof *schema);
}

static char *copy_string(const char *text) {
  return strdup(text ? text : "");
}

static enum lam_status no_memory(struct ArrowSchema *out, struct lam_error *error) {
  if (out) lam_schema_release(out);
  return lam_fail(error, LAM_NO_MEMORY, "no memory for a schema");
}

static enum lam_status init(const char *format, const char *name, int64_t flags, int64_t children,
                            struct ArrowSchema *out, struct lam_error *error) {
  *out = (struct ArrowSchema){.flags = flags, .release = release_schema};
  struct owned *owned = out->private_data = calloc(1, sizeof *owned);
  if (!owned) return no_memory(out, error);
  out->format = owned->format = copy_string(format);
  out->name = owned->name = copy_string(name);
  if (!owned->format || !owned->name) return no_memory(out, error);
  if (children == 0) return LAM_OK;
  out->children = calloc((size_t)children, sizeof *out->children);
  if (!out->children) return no_memory(out, error);
  out->n_children = children;
  for (int64_t i = 0; i < children; i++) {
    out->children[i] = calloc(1, sizeof **out->children);
    if (!out->children[i]) return no_memory(out, error);
  }
  return LAM_OK;
}

enum lam_status lam_schema_init_nested(const struct lam_type *type, const char *name, bool nullable, int64_t children,
                                       struct ArrowSchema *out, struct lam_error *error) {
  char format[256];
  memset(out, 0, sizeof *out);
  LAM_TRY(lam_type_format(type, format, sizeof format, error));
  return init(format, name, nullable ? ARROW_FLAG_NULLABLE : 0, children, out, error);
}

enum lam_status lam_schema_init(const struct lam_type *type, const char *name, bool nullable, struct ArrowSchema *out,
                                struct lam_error *error) {
  return lam_schema_init_nested(type, name, nullable, 0, out, error);
}

enum lam_status lam_schema_init_struct(const char *name, int64_t count, struct ArrowSchema *out,
                                       struct lam_error *error) {
  return init("+s", name, 0, count, out, error);
}

/* ---- metadata ----
 * int32 count, then for each pair int32 length, key, int32 length, value; native byte order, no padding.
 * The interface carries no total size, so that a producer's lengths are trusted, but never negative ones. */

struct pair {
  struct lam_bytes key, value;
};

static int32_t load_length(const char *p) {
  int32_t n = (int32_t)lam_load32(p);
  return n < 0 ? 0 : n;
}

/* Reads a pair and returns what is behind it. */
static const char *read_pair(const char *p, struct pair *out) {
  int32_t n = load_length(p);
  out->key = lam_bytes_of(p + 4, (size_t)n);
  p += 4 + n;
  n = load_length(p);
  out->value = lam_bytes_of(p + 4, (size_t)n);
  return p + 4 + n;
}

static int32_t pair_count(const char *metadata) {
  return metadata ? load_length(metadata) : 0;
}

static size_t metadata_size(const char *metadata) {
  const char *p = metadata + 4;
  struct pair pair;
  for (int32_t i = pair_count(metadata); i > 0; i--) p = read_pair(p, &pair);
  return (size_t)(p - metadata);
}

static char *write_bytes(char *p, struct lam_bytes bytes) {
  lam_store32(p, (uint32_t)bytes.size);
  lam_copy(p + 4, bytes.data, bytes.size);
  return p + 4 + bytes.size;
}

struct lam_bytes lam_schema_metadata(const struct ArrowSchema *schema, const char *key) {
  if (!schema->metadata) return (struct lam_bytes){NULL, 0};
  struct lam_bytes wanted = lam_bytes_of_string(key);
  const char *p = schema->metadata + 4;
  struct pair pair;
  for (int32_t i = pair_count(schema->metadata); i > 0; i--) {
    p = read_pair(p, &pair);
    if (lam_bytes_equal(pair.key, wanted)) return pair.value;
  }
  return (struct lam_bytes){NULL, 0};
}

enum lam_status lam_schema_set_metadata(struct ArrowSchema *schema, const char *key, struct lam_bytes value,
                                        struct lam_error *error) {
  assert(schema->release == release_schema);
  struct owned *owned = schema->private_data;
  struct lam_bytes wanted = lam_bytes_of_string(key);
  size_t old = schema->metadata ? metadata_size(schema->metadata) : 4;
  if (value.size > INT32_MAX || wanted.size > INT32_MAX)
    return lam_fail(error, LAM_INVALID, "the metadata \"%.64s\" has %zu bytes; Arrow allows 2^31 - 1", key, value.size);
  char *fresh = malloc(old + wanted.size + value.size + 8);
  if (!fresh) return no_memory(NULL, error);
  const char *from = schema->metadata ? schema->metadata + 4 : NULL;
  char *to = fresh + 4;
  uint32_t count = 0;
  bool replaced = false;
  struct pair pair;
  for (int32_t i = pair_count(schema->metadata); i > 0; i--) {
    from = read_pair(from, &pair);
    bool same = lam_bytes_equal(pair.key, wanted);
    if (same && replaced) continue;
    to = write_bytes(write_bytes(to, pair.key), same ? value : pair.value);
    replaced |= same;
    count++;
  }
  if (!replaced) write_bytes(write_bytes(to, wanted), value), count++;
  lam_store32(fresh, count);
  free(owned->metadata);
  schema->metadata = owned->metadata = fresh;
  return LAM_OK;
}

int32_t lam_schema_field_id(const struct ArrowSchema *schema) {
  struct lam_bytes text = lam_schema_metadata(schema, "PARQUET:field_id");
  if (text.size == 0 || text.size > 10) return -1;
  int64_t id = 0;
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] < '0' || text.data[i] > '9') return -1;
    id = id * 10 + (text.data[i] - '0');
  }
  return id <= INT32_MAX ? (int32_t)id : -1;
}

/* ---- copies and changes ---- */

enum { DEEPEST = 64 };

enum lam_status lam_schema_copy_metadata(const struct ArrowSchema *from, struct ArrowSchema *to,
                                         struct lam_error *error) {
  assert(to->release == release_schema);
  struct owned *owned = to->private_data;
  char *fresh = NULL;
  if (from->metadata) {
    size_t size = metadata_size(from->metadata);
    fresh = malloc(size);
    if (!fresh) return no_memory(NULL, error);
    memcpy(fresh, from->metadata, size);
  }
  free(owned->metadata);
  to->metadata = owned->metadata = fresh;
  return LAM_OK;
}

enum lam_status lam_schema_rename(struct ArrowSchema *schema, const char *name, struct lam_error *error) {
  assert(schema->release == release_schema);
  struct owned *owned = schema->private_data;
  char *fresh = copy_string(name);
  if (!fresh) return no_memory(NULL, error);
  free(owned->name);
  schema->name = owned->name = fresh;
  return LAM_OK;
}

enum lam_status lam_schema_as_views(const struct ArrowSchema *values, struct ArrowSchema *out,
                                    struct lam_error *error) {
  struct lam_type type;
  memset(out, 0, sizeof *out);
  LAM_TRY(lam_type_parse(values, &type, error));
  assert(lam_type_is_binary(type.id));
  bool text = type.id == LAM_TYPE_STRING || type.id == LAM_TYPE_LARGE_STRING;
  type.id = text ? LAM_TYPE_STRING_VIEW : LAM_TYPE_BINARY_VIEW;
  LAM_TRY(lam_schema_init(&type, values->name, values->flags & ARROW_FLAG_NULLABLE, out, error));
  enum lam_status status = lam_schema_copy_metadata(values, out, error);
  if (status != LAM_OK) lam_schema_release(out);
  return status;
}

static enum lam_status copy(const struct ArrowSchema *from, int depth, struct ArrowSchema *out,
                            struct lam_error *error) {
  memset(out, 0, sizeof *out);
  if (depth > DEEPEST) return lam_fail(error, LAM_UNSUPPORTED, "a schema is nested deeper than %d levels", DEEPEST);
  LAM_TRY(init(from->format, from->name, from->flags, from->n_children, out, error));
  enum lam_status status = lam_schema_copy_metadata(from, out, error);
  if (status == LAM_OK && from->dictionary) {
    out->dictionary = calloc(1, sizeof *out->dictionary);
    if (!out->dictionary) return no_memory(out, error);
    status = copy(from->dictionary, depth + 1, out->dictionary, error);
  }
  for (int64_t i = 0; status == LAM_OK && i < from->n_children; i++)
    status = copy(from->children[i], depth + 1, out->children[i], error);
  if (status != LAM_OK) lam_schema_release(out);
  return status;
}

enum lam_status lam_schema_copy(const struct ArrowSchema *from, struct ArrowSchema *out, struct lam_error *error) {
  return copy(from, 0, out, error);
}

enum lam_status lam_schema_as_dictionary(struct ArrowSchema *values, struct ArrowSchema *out, struct lam_error *error) {
  LAM_TRY(init("i", values->name, values->flags, 0, out, error));
  out->dictionary = malloc(sizeof *out->dictionary);
  if (!out->dictionary) return no_memory(out, error);
  out->dictionary->release = NULL;
  out->dictionary->n_children = 0;
  enum lam_status status = lam_schema_copy_metadata(values, out, error);
  if (status != LAM_OK) {
    lam_schema_release(out);
    return status;
  }
  *out->dictionary = *values;
  values->release = NULL;
  return LAM_OK;
}

int64_t lam_schema_find(const struct ArrowSchema *schema, const char *name) {
  for (int64_t c = 0; c < schema->n_children; c++)
    if (schema->children[c]->name && strcmp(schema->children[c]->name, name) == 0) return c;
  return -1;
}
