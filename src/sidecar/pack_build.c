/* Making packs. Bounds are gathered by column, each with a slot for every file, and written column after column. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/checksum.h"
#include "parquet/schema.h"
#include "sidecar/pack.h"

enum { MOST_SCHEMAS = 4096 }; /* files of further ones are opened when they are read */

struct slot {
  uint64_t min, max;
  int64_t nulls;
  uint64_t flags;
};

struct column {
  struct lam_bytes path; /* names from the top-level column down, each with a NUL behind it */
  int32_t field_id;
  struct lam_type type;
  struct lam_buf slots; /* of the files so far; fewer where the last ones lack it */
  struct lam_buf bytes;
  size_t schema; /* the last one that has it; another leaf of that one, of the same name, has a column of its own */
};

struct schema {
  struct lam_bytes thrift;
  uint64_t hash;
  uint32_t first_leaf, leaves;
};

struct lam_pack_builder {
  struct lam_mem *mem;
  struct lam_arena arena;
  uint32_t files; /* that there will be */
  struct lam_buf directories, file_records, text, leaves;
  struct schema *schemas;
  size_t schema_count, schema_room;
  struct column *columns;
  size_t column_count, column_room;
  /* Of the pack that known files come from. */
  const struct lam_pack *from;
  uint32_t *from_schemas; /* for each of its schemas the one here and 1, or 0 */
  struct lam_pack_bounds *from_bounds;
  bool *from_verified; /* from_bounds of the column is filled */
};

enum lam_status lam_pack_builder_open(struct lam_mem *mem, uint32_t files, struct lam_pack_builder **out,
                                      struct lam_error *error) {
  struct lam_pack_builder *b;
  *out = NULL;
  LAM_TRY(lam_alloc_zero(mem, sizeof *b, (void **)&b, error));
  b->mem = mem;
  b->files = files;
  lam_arena_init(&b->arena, mem);
  lam_buf_init(&b->directories, mem);
  lam_buf_init(&b->file_records, mem);
  lam_buf_init(&b->text, mem);
  lam_buf_init(&b->leaves, mem);
  *out = b;
  return LAM_OK;
}

void lam_pack_builder_close(struct lam_pack_builder *b) {
  if (!b) return;
  for (size_t i = 0; i < b->column_count; i++) {
    lam_buf_release(&b->columns[i].slots);
    lam_buf_release(&b->columns[i].bytes);
  }
  lam_buf_release(&b->directories);
  lam_buf_release(&b->file_records);
  lam_buf_release(&b->text);
  lam_buf_release(&b->leaves);
  lam_arena_release(&b->arena);
  lam_free(b->mem, b, sizeof *b);
}

static enum lam_status add_text(struct lam_pack_builder *b, const char *text, uint32_t *out, struct lam_error *error) {
  if (b->text.size > UINT32_MAX) return lam_fail(error, LAM_LIMIT, "a pack with more than 4 GiB of names");
  *out = (uint32_t)b->text.size;
  return lam_buf_append(&b->text, text, strlen(text) + 1, error);
}

static uint32_t directory_count(const struct lam_pack_builder *b) {
  return (uint32_t)(b->directories.size / sizeof(struct pack_directory));
}
static uint32_t file_count(const struct lam_pack_builder *b) {
  return (uint32_t)(b->file_records.size / sizeof(struct pack_file));
}

/* ---- directories ---- */

struct wanted {
  const char *text, *key;
  size_t size; /* of the key */
};
static int order_directory(const void *wanted, const void *directory) {
  const struct wanted *w = wanted;
  const char *key = w->text + ((const struct pack_directory *)directory)->key;
  int order = strncmp(w->key, key, w->size);
  return order ? order : -(key[w->size] != 0);
}
/* The directory that `key` lies in, one of those so far. */
static uint32_t parent_of(const struct lam_pack_builder *b, const char *key) {
  const struct pack_directory *directories = (const void *)b->directories.data;
  const char *slash = strrchr(key, '/');
  const struct wanted wanted = {(const char *)b->text.data, key, slash ? (size_t)(slash - key) : 0};
  const struct pack_directory *found =
      directory_count(b) ? bsearch(&wanted, directories, directory_count(b), sizeof *found, order_directory) : NULL;
  return found ? (uint32_t)(found - directories) : PACK_NONE;
}

enum lam_status lam_pack_add_directory(struct lam_pack_builder *b, const char *key, struct pack_directory directory,
                                       struct lam_error *error) {
  directory.parent = *key ? parent_of(b, key) : PACK_NONE;
  if (*key && directory.parent == PACK_NONE)
    return lam_fail(error, LAM_INVALID, "directory \"%s\" of a pack lies in none of its directories", key);
  LAM_TRY(add_text(b, key, &directory.key, error));
  return lam_buf_append(&b->directories, &directory, sizeof directory, error);
}

/* ---- schemas ---- */

static uint32_t form_of(const struct lam_type *type) {
  bool decimal = type->id == LAM_TYPE_DECIMAL128 || type->id == LAM_TYPE_DECIMAL256;
  return decimal || lam_type_is_binary(type->id) || type->id == LAM_TYPE_FIXED_BINARY ? PACK_BYTES : PACK_VALUES;
}

static enum lam_status path_of(const struct lam_file_meta *meta, int32_t leaf, struct lam_buf *out,
                               struct lam_error *error) {
  int32_t nodes[64], depth = 0;
  for (int32_t node = meta->leaves[leaf]; node > 0 && depth < 64; node = meta->nodes[node].parent)
    nodes[depth++] = node;
  out->size = 0;
  while (depth--) {
    const struct lam_bytes name = meta->nodes[nodes[depth]].name;
    LAM_TRY(lam_buf_append(out, name.data, name.size, error));
    LAM_TRY(lam_buf_append(out, "", 1, error));
  }
  return LAM_OK;
}

static bool is_column(const struct column *column, struct lam_bytes path, int32_t field_id,
                      const struct lam_type *type) {
  return column->field_id == field_id && lam_bytes_equal(column->path, path) && lam_type_equal(&column->type, type);
}

/* Leaf `leaf` as a column that schemas share; PACK_NONE where it can have no bounds or there is no room for them. */
static enum lam_status column_of(struct lam_pack_builder *b, const struct lam_file_meta *meta, int32_t leaf,
                                 struct lam_buf *path, uint32_t *out, struct lam_error *error) {
  const struct lam_schema_node *node = &meta->nodes[meta->leaves[leaf]];
  struct lam_leaf of;
  *out = PACK_NONE;
  if (node->max_repetition > 0 || lam_leaf_of_node(meta, meta->leaves[leaf], &of, NULL) != LAM_OK) return LAM_OK;
  LAM_TRY(path_of(meta, leaf, path, error));
  const struct lam_bytes name = lam_bytes_of(path->data, path->size);
  for (size_t i = 0; i < b->column_count; i++) { /* most schemas differ in few columns from the first */
    size_t at = ((size_t)leaf + i) % b->column_count;
    struct column *column = &b->columns[at];
    if (column->schema == b->schema_count || !is_column(column, name, node->field_id, &of.type)) continue;
    column->schema = b->schema_count;
    *out = (uint32_t)at;
    return LAM_OK;
  }
  if ((b->column_count + 1) * (uint64_t)b->files * PACK_SLOT_BYTES > PACK_MOST_BOUNDS) return LAM_OK;
  void *items = b->columns;
  LAM_TRY(lam_vector_grow(&b->arena, &items, b->column_count, &b->column_room, sizeof *b->columns, error));
  b->columns = items;
  struct column *column = &b->columns[b->column_count];
  char *copy;
  LAM_TRY(lam_arena_string(&b->arena, name, &copy, error));
  *column = (struct column){
      .path = lam_bytes_of(copy, name.size), .field_id = node->field_id, .type = of.type, .schema = b->schema_count};
  lam_buf_init(&column->slots, b->mem);
  lam_buf_init(&column->bytes, b->mem);
  *out = (uint32_t)b->column_count++;
  return LAM_OK;
}

static enum lam_status describe(const struct lam_file_meta *meta, struct lam_buf *out, struct lam_error *error) {
  const struct lam_file_meta bare = {.version = 1,
                                     .nodes = meta->nodes,
                                     .node_count = meta->node_count,
                                     .leaves = meta->leaves,
                                     .leaf_count = meta->leaf_count,
                                     .encrypted_columns = meta->encrypted_columns};
  return lam_file_meta_write(&bare, out, error);
}

static enum lam_status new_schema(struct lam_pack_builder *b, const struct lam_file_meta *meta,
                                  const struct lam_buf *thrift, uint64_t hash, struct lam_error *error) {
  void *items = b->schemas;
  char *copy;
  struct lam_buf path;
  LAM_TRY(lam_vector_grow(&b->arena, &items, b->schema_count, &b->schema_room, sizeof *b->schemas, error));
  b->schemas = items;
  LAM_TRY(lam_arena_string(&b->arena, lam_bytes_of(thrift->data, thrift->size), &copy, error));
  struct schema schema = {.thrift = lam_bytes_of(copy, thrift->size),
                          .hash = hash,
                          .first_leaf = (uint32_t)(b->leaves.size / sizeof(uint32_t)),
                          .leaves = (uint32_t)meta->leaf_count};
  enum lam_status status = LAM_OK;
  lam_buf_init(&path, b->mem);
  for (int32_t i = 0; status == LAM_OK && i < meta->leaf_count; i++) {
    uint32_t column;
    status = column_of(b, meta, i, &path, &column, error);
    if (status == LAM_OK) status = lam_buf_append(&b->leaves, &column, sizeof column, error);
  }
  lam_buf_release(&path);
  if (status == LAM_OK) b->schemas[b->schema_count++] = schema;
  return status;
}

enum lam_status lam_pack_add_schema(struct lam_pack_builder *b, const struct lam_file_meta *meta, uint32_t *out,
                                    struct lam_error *error) {
  struct lam_buf thrift;
  lam_buf_init(&thrift, b->mem);
  enum lam_status status = describe(meta, &thrift, error);
  uint64_t hash = lam_hash64(thrift.size ? (const void *)thrift.data : "", thrift.size);
  bool found = false;
  for (size_t i = 0; status == LAM_OK && !found && i < b->schema_count; i++) {
    found = b->schemas[i].hash == hash && lam_bytes_equal(b->schemas[i].thrift, lam_bytes_of(thrift.data, thrift.size));
    if (found) *out = (uint32_t)i;
  }
  if (status == LAM_OK && !found) {
    *out = (uint32_t)b->schema_count;
    if (b->schema_count == MOST_SCHEMAS)
      status = lam_fail(error, LAM_UNSUPPORTED, "a pack has at most %d schemas", MOST_SCHEMAS);
    else
      status = new_schema(b, meta, &thrift, hash, error);
  }
  lam_buf_release(&thrift);
  return status;
}

/* ---- bounds ---- */

static enum lam_status add_bytes(struct column *column, const uint8_t *data, size_t size, uint64_t *slot,
                                 struct lam_error *error) {
  *slot = (uint64_t)column->bytes.size << 16 | size;
  return lam_buf_append(&column->bytes, data, size, error);
}

/* A maximum that is cut becomes the least text above all that begin as it does. */
static size_t raise_cut(uint8_t *bytes, size_t size) {
  while (size > 0 && bytes[size - 1] == 0xff) size--;
  if (size) bytes[size - 1]++;
  return size;
}

static enum lam_status put_bound(struct column *column, const struct lam_scalar *bound, bool is_max, bool exact,
                                 struct slot *slot, struct lam_error *error) {
  uint64_t *to = is_max ? &slot->max : &slot->min;
  uint8_t cut[PACK_LONGEST];
  size_t size = bound->bytes.size;
  if (form_of(&column->type) == PACK_VALUES) {
    *to = bound->value.u;
  } else if (lam_type_is_binary(column->type.id) || column->type.id == LAM_TYPE_FIXED_BINARY) {
    bool is_cut = size > PACK_LONGEST;
    if (is_cut) size = PACK_LONGEST;
    lam_copy(cut, bound->bytes.data, size);
    if (is_cut) slot->flags |= is_max ? PACK_MAX_CUT : PACK_MIN_CUT;
    if (is_cut && is_max && !(size = raise_cut(cut, size))) return LAM_OK; /* there is no such text */
    exact = exact && !is_cut;
    LAM_TRY(add_bytes(column, cut, size, to, error));
  } else {
    LAM_TRY(add_bytes(column, bound->value.decimal, sizeof bound->value.decimal, to, error));
  }
  slot->flags |= is_max ? PACK_MAX : PACK_MIN;
  if (exact) slot->flags |= is_max ? PACK_MAX_EXACT : PACK_MIN_EXACT;
  return LAM_OK;
}

static enum lam_status add_slot(struct column *column, uint32_t file, const struct slot *slot,
                                struct lam_error *error) {
  size_t missing = (size_t)file * sizeof *slot - column->slots.size;
  LAM_TRY(lam_buf_room(&column->slots, missing + sizeof *slot, error));
  memset(column->slots.data + column->slots.size, 0, missing);
  column->slots.size += missing;
  return lam_buf_append(&column->slots, slot, sizeof *slot, error);
}

static enum lam_status add_facts(struct column *column, uint32_t file, const struct lam_facts_column *facts,
                                 struct lam_error *error) {
  struct slot slot = {.nulls = facts->nulls, .flags = facts->may_be_nan ? PACK_MAY_BE_NAN : 0};
  if (facts->only_nan) slot.flags |= PACK_ONLY_NAN;
  if (facts->has_min) LAM_TRY(put_bound(column, &facts->min, false, facts->min_exact, &slot, error));
  if (facts->has_max) LAM_TRY(put_bound(column, &facts->max, true, facts->max_exact, &slot, error));
  return add_slot(column, file, &slot, error);
}

static uint32_t column_at(const struct lam_pack_builder *b, const struct schema *schema, uint32_t leaf) {
  return ((const uint32_t *)(const void *)b->leaves.data)[schema->first_leaf + leaf];
}

static enum lam_status add_record(struct lam_pack_builder *b, const char *key, struct pack_file file,
                                  struct lam_error *error) {
  uint32_t directory = directory_count(b) - 1;
  struct pack_directory *in = (struct pack_directory *)(void *)b->directories.data + directory;
  if (in->files++ == 0) in->first_file = file_count(b);
  file.directory = directory;
  LAM_TRY(add_text(b, key, &file.key, error));
  return lam_buf_append(&b->file_records, &file, sizeof file, error);
}

enum lam_status lam_pack_add_file(struct lam_pack_builder *b, const char *key, struct pack_file file,
                                  const struct lam_facts_column *facts, struct lam_error *error) {
  uint32_t index = file_count(b);
  LAM_TRY(add_record(b, key, file, error));
  if (file.schema == PACK_NONE) return LAM_OK;
  const struct schema *schema = &b->schemas[file.schema];
  for (uint32_t leaf = 0; leaf < schema->leaves; leaf++) {
    uint32_t column = column_at(b, schema, leaf);
    if (column != PACK_NONE) LAM_TRY(add_facts(&b->columns[column], index, &facts[leaf], error));
  }
  return LAM_OK;
}

/* ---- files of an older pack ---- */

static enum lam_status begin_from(struct lam_pack_builder *b, const struct lam_pack *from, struct lam_error *error) {
  if (b->from == from) return LAM_OK;
  void *memory;
  LAM_TRY(lam_arena_array(&b->arena, from->head.schemas, sizeof *b->from_schemas, &memory, error));
  b->from_schemas = memory;
  LAM_TRY(lam_arena_array(&b->arena, from->head.columns, sizeof *b->from_bounds, &memory, error));
  b->from_bounds = memory;
  LAM_TRY(lam_arena_array(&b->arena, from->head.columns, sizeof *b->from_verified, &memory, error));
  b->from_verified = memory;
  b->from = from;
  return LAM_OK;
}

static enum lam_status schema_from(struct lam_pack_builder *b, uint32_t theirs, uint32_t *out,
                                   struct lam_error *error) {
  if (!b->from_schemas[theirs]) {
    struct lam_arena arena;
    struct lam_file_meta meta;
    uint32_t ours;
    lam_arena_init(&arena, b->mem);
    enum lam_status status = lam_pack_schema(b->from, theirs, &arena, &meta, error);
    if (status == LAM_OK) status = lam_pack_add_schema(b, &meta, &ours, error);
    lam_arena_release(&arena);
    LAM_TRY(status);
    b->from_schemas[theirs] = ours + 1;
  }
  *out = b->from_schemas[theirs] - 1;
  return LAM_OK;
}

static enum lam_status copy_bound(const struct lam_pack_bounds *from, struct column *column, uint64_t *slot,
                                  struct lam_error *error) {
  uint64_t offset = *slot >> 16, length = *slot & 0xffff;
  LAM_CHECK(offset <= from->bytes.size && length <= from->bytes.size - offset, error,
            "%s: a bound of %" PRIu64 " bytes at %" PRIu64 " passes its column's %zu", from->pack->name, length, offset,
            from->bytes.size);
  return add_bytes(column, from->bytes.data + offset, (size_t)length, slot, error);
}

static enum lam_status copy_slot(struct lam_pack_builder *b, uint32_t theirs, uint32_t from_file, struct column *column,
                                 uint32_t file, struct lam_error *error) {
  const struct lam_pack_bounds *from = &b->from_bounds[theirs];
  uint32_t form = form_of(&column->type);
  if (from->form != form) return LAM_OK; /* it says nothing */
  struct slot slot = {from->mins[from_file], from->maxes[from_file], from->nulls[from_file], from->flags[from_file]};
  if (form == PACK_BYTES) {
    if (slot.flags & PACK_MIN) LAM_TRY(copy_bound(from, column, &slot.min, error));
    if (slot.flags & PACK_MAX) LAM_TRY(copy_bound(from, column, &slot.max, error));
  }
  return add_slot(column, file, &slot, error);
}

enum lam_status lam_pack_add_known(struct lam_pack_builder *b, const struct lam_pack *from, uint32_t from_file,
                                   struct lam_error *error) {
  struct pack_file file = from->files[from_file];
  const char *key = lam_pack_key(from, file.key);
  uint32_t index = file_count(b);
  if (file.schema == PACK_NONE) return add_record(b, key, file, error);
  LAM_TRY(begin_from(b, from, error));
  const struct pack_schema *place = &from->schemas[file.schema];
  LAM_TRY(schema_from(b, file.schema, &file.schema, error));
  const struct schema *schema = &b->schemas[file.schema];
  LAM_TRY(add_record(b, key, file, error));
  for (uint32_t leaf = 0; leaf < schema->leaves && leaf < place->leaves; leaf++) {
    uint32_t theirs = from->leaves[place->first_leaf + leaf], ours = column_at(b, schema, leaf);
    bool there = theirs < from->head.columns;
    if (!there || ours == PACK_NONE) continue;
    if (!b->from_verified[theirs]) {
      LAM_TRY(
          lam_pack_bounds(from, from->files[from_file].schema, (int32_t)leaf, &there, &b->from_bounds[theirs], error));
      b->from_verified[theirs] = true;
    }
    LAM_TRY(copy_slot(b, theirs, from_file, &b->columns[ours], index, error));
  }
  return LAM_OK;
}

/* ---- writing ---- */

static enum lam_status pad(struct lam_buf *out, struct lam_error *error) {
  static const uint8_t zeros[8];
  return lam_buf_append(out, zeros, lam_round_up(out->size, 8) - out->size, error);
}

static struct pack_section end_section(const struct lam_buf *out, size_t at) {
  return (struct pack_section){at, out->size - at, lam_hash64(out->data + at, out->size - at)};
}

static enum lam_status put_section(struct lam_buf *out, const void *data, size_t size, struct pack_section *section,
                                   struct lam_error *error) {
  LAM_TRY(pad(out, error));
  size_t at = out->size;
  LAM_TRY(lam_buf_append(out, data, size, error));
  *section = end_section(out, at);
  return LAM_OK;
}

static enum lam_status put_schemas(struct lam_pack_builder *b, struct lam_buf *out, struct pack_section *section,
                                   struct lam_error *error) {
  LAM_TRY(pad(out, error));
  size_t at = out->size, offset = b->schema_count * sizeof(struct pack_schema);
  for (size_t i = 0; i < b->schema_count; i++) {
    const struct schema *schema = &b->schemas[i];
    const struct pack_schema record = {(uint32_t)offset, (uint32_t)schema->thrift.size, schema->first_leaf,
                                       schema->leaves};
    LAM_TRY(lam_buf_append(out, &record, sizeof record, error));
    offset += schema->thrift.size;
  }
  if (offset > UINT32_MAX) return lam_fail(error, LAM_LIMIT, "the schemas of a pack pass 4 GiB");
  for (size_t i = 0; i < b->schema_count; i++)
    LAM_TRY(lam_buf_append(out, b->schemas[i].thrift.data, b->schemas[i].thrift.size, error));
  *section = end_section(out, at);
  return LAM_OK;
}

/* The slots by their parts; a column that the last files lack is filled up. Its memory goes. */
static enum lam_status put_column(struct lam_pack_builder *b, struct column *column, struct lam_buf *out,
                                  struct pack_column *record, struct lam_error *error) {
  size_t files = file_count(b), count = column->slots.size / sizeof(struct slot);
  const struct slot *slots = (const void *)column->slots.data;
  LAM_TRY(pad(out, error));
  size_t at = out->size;
  LAM_TRY(lam_buf_room(out, files * PACK_SLOT_BYTES, error));
  uint8_t *to = out->data + at;
  memset(to, 0, files * PACK_SLOT_BYTES);
  for (size_t i = 0; i < count; i++) {
    lam_store64(to + 8 * i, slots[i].min);
    lam_store64(to + 8 * (files + i), slots[i].max);
    lam_store64(to + 8 * (2 * files + i), (uint64_t)slots[i].nulls);
    to[24 * files + i] = (uint8_t)slots[i].flags;
  }
  out->size += files * PACK_SLOT_BYTES;
  LAM_TRY(lam_buf_append(out, column->bytes.data, column->bytes.size, error));
  *record = (struct pack_column){.bounds = end_section(out, at), .form = form_of(&column->type)};
  lam_buf_release(&column->slots);
  lam_buf_release(&column->bytes);
  return LAM_OK;
}

static enum lam_status put_columns(struct lam_pack_builder *b, struct lam_buf *out, struct pack_section *section,
                                   struct lam_error *error) {
  size_t size = b->column_count * sizeof(struct pack_column);
  void *memory;
  LAM_TRY(lam_arena_alloc(&b->arena, size, &memory, error));
  struct pack_column *records = memory;
  LAM_TRY(pad(out, error));
  size_t at = out->size;
  LAM_TRY(lam_buf_room(out, size, error));
  out->size += size;
  for (size_t i = 0; i < b->column_count; i++) LAM_TRY(put_column(b, &b->columns[i], out, &records[i], error));
  lam_copy(out->data + at, records, size);
  *section = (struct pack_section){at, size, lam_hash64(out->data + at, size)};
  return LAM_OK;
}

enum lam_status lam_pack_finish(struct lam_pack_builder *b, int64_t taken_ns, uint64_t sequence, struct lam_buf *out,
                                struct lam_error *error) {
  struct pack_header head = {.magic = PACK_MAGIC,
                             .taken_ns = taken_ns,
                             .sequence = sequence,
                             .directories = directory_count(b),
                             .files = file_count(b),
                             .schemas = (uint32_t)b->schema_count,
                             .columns = (uint32_t)b->column_count};
  const struct lam_buf *parts[] = {&b->directories, &b->file_records, &b->text};
  uint32_t first = 0;
  /* Those without files lie between those with. */
  for (uint32_t i = 0; i < head.directories; i++) {
    struct pack_directory *directory = (struct pack_directory *)(void *)b->directories.data + i;
    directory->first_file = first;
    first += directory->files;
  }
  LAM_TRY(lam_buf_append(out, &head, sizeof head, error));
  for (int i = 0; i < 3; i++) LAM_TRY(put_section(out, parts[i]->data, parts[i]->size, &head.sections[i], error));
  LAM_TRY(put_schemas(b, out, &head.sections[PACK_SCHEMAS], error));
  LAM_TRY(put_section(out, b->leaves.data, b->leaves.size, &head.sections[PACK_LEAVES], error));
  LAM_TRY(put_columns(b, out, &head.sections[PACK_COLUMNS], error));
  head.size = out->size;
  head.whole_hash = lam_hash64(out->data + sizeof head, out->size - sizeof head);
  head.hash = lam_hash64(&head, offsetof(struct pack_header, hash));
  memcpy(out->data, &head, sizeof head);
  return LAM_OK;
}
