/* Reading packs: everything is bounded, and its checksum compared, before it is used. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/checksum.h"
#include "base/context.h"
#include "sidecar/pack.h"

/* ---- opening ---- */

static enum lam_status map_pack(struct lam_pack *pack, struct lam_store *store, const char *key,
                                struct lam_error *error) {
  struct lam_input *input;
  struct lam_object_info info;
  LAM_TRY(store->ops->open(store, key, &input, &info, error));
  enum lam_status status = LAM_OK;
  if (info.size < sizeof(struct pack_header))
    status = lam_fail(error, LAM_CORRUPT, "%s has %" PRIu64 " bytes; a pack has %zu at least", pack->name, info.size,
                      sizeof(struct pack_header));
  if (status == LAM_OK) status = store->ops->map(input, (size_t)info.size, &pack->map, error);
  if (status == LAM_OK) pack->store = store;
  store->ops->close_input(input);
  return status;
}

static enum lam_status check_header(struct lam_pack *pack, struct lam_error *error) {
  struct pack_header *head = &pack->head;
  LAM_CHECK(pack->map.size >= sizeof *head && (uintptr_t)pack->map.data % 8 == 0, error,
            "%s: %zu bytes are no pack, or not aligned", pack->name, pack->map.size);
  memcpy(head, pack->map.data, sizeof *head);
  char form = (char)(head->magic >> 56);
  bool other = head->magic != PACK_MAGIC && head->magic << 8 == PACK_MAGIC << 8;
  if (other && form >= '1' && form <= '9')
    return lam_fail(error, LAM_UNSUPPORTED, "%s: it is of form %c; expected %c", pack->name, form,
                    (char)(PACK_MAGIC >> 56));
  LAM_CHECK(head->magic == PACK_MAGIC, error, "%s: it begins with %016" PRIx64 ", not as a pack does", pack->name,
            head->magic);
  LAM_CHECK(head->size == pack->map.size, error, "%s: its header says that it has %" PRIu64 " bytes; it has %zu",
            pack->name, head->size, pack->map.size);
  uint64_t hash = lam_hash64(pack->map.data, offsetof(struct pack_header, hash));
  LAM_CHECK(hash == head->hash, error, "%s: its header has the checksum %016" PRIx64 "; %016" PRIx64 " is recorded",
            pack->name, hash, head->hash);
  return LAM_OK;
}

static enum lam_status check_place(const struct lam_pack *pack, const char *what, const struct pack_section *section,
                                   struct lam_error *error) {
  uint64_t end = pack->map.size;
  LAM_CHECK(section->offset % 8 == 0 && section->offset >= sizeof pack->head && section->offset <= end &&
                section->size <= end - section->offset,
            error, "%s: its %s: %" PRIu64 " bytes at offset %" PRIu64 " do not lie in its %" PRIu64, pack->name, what,
            section->size, section->offset, end);
  return LAM_OK;
}

static enum lam_status check_hash(const struct lam_pack *pack, const char *what, const struct pack_section *section,
                                  struct lam_error *error) {
  uint64_t hash = lam_hash64(pack->map.data + section->offset, (size_t)section->size);
  LAM_CHECK(hash == section->hash, error,
            "%s: its %s at offset %" PRIu64 " have the checksum %016" PRIx64 "; %016" PRIx64 " is recorded", pack->name,
            what, section->offset, hash, section->hash);
  return LAM_OK;
}

static const char *const section_names[PACK_SECTIONS] = {"directories", "files",  "texts",
                                                         "schemas",     "leaves", "columns"};

static enum lam_status open_section(const struct lam_pack *pack, int i, uint64_t least, bool exactly, const void **out,
                                    struct lam_error *error) {
  const struct pack_section *section = &pack->head.sections[i];
  LAM_TRY(check_place(pack, section_names[i], section, error));
  LAM_CHECK(section->size >= least && (!exactly || section->size == least), error,
            "%s: its %s at offset %" PRIu64 " take %" PRIu64 " bytes; expected %" PRIu64, pack->name, section_names[i],
            section->offset, section->size, least);
  *out = pack->map.data + section->offset;
  return check_hash(pack, section_names[i], section, error);
}

static enum lam_status open_sections(struct lam_pack *pack, struct lam_error *error) {
  const struct pack_header *head = &pack->head;
  const void *at;
  LAM_TRY(
      open_section(pack, PACK_DIRECTORIES, (uint64_t)head->directories * sizeof *pack->directories, true, &at, error));
  pack->directories = at;
  LAM_TRY(open_section(pack, PACK_FILES, (uint64_t)head->files * sizeof *pack->files, true, &at, error));
  pack->files = at;
  LAM_TRY(open_section(pack, PACK_TEXT, 1, false, &at, error));
  pack->text = at;
  LAM_TRY(open_section(pack, PACK_SCHEMAS, (uint64_t)head->schemas * sizeof *pack->schemas, false, &at, error));
  pack->schemas = at;
  LAM_TRY(open_section(pack, PACK_LEAVES, 0, false, &at, error));
  pack->leaves = at;
  LAM_TRY(open_section(pack, PACK_COLUMNS, (uint64_t)head->columns * sizeof *pack->columns, true, &at, error));
  pack->columns = at;
  LAM_CHECK(pack->text[head->sections[PACK_TEXT].size - 1] == 0, error, "%s: its texts do not end", pack->name);
  return LAM_OK;
}

static enum lam_status check_directories(const struct lam_pack *pack, struct lam_error *error) {
  const struct pack_header *head = &pack->head;
  LAM_CHECK(head->directories > 0, error, "%s: it has no directory", pack->name);
  for (uint32_t i = 0; i < head->directories; i++) {
    const struct pack_directory *directory = &pack->directories[i];
    bool parent = i ? directory->parent < i : directory->parent == PACK_NONE;
    LAM_CHECK(parent && directory->key < head->sections[PACK_TEXT].size && directory->first_file <= head->files &&
                  directory->files <= head->files - directory->first_file,
              error,
              "%s: its directory %" PRIu32 " lies in directory %" PRIu32 " and has %" PRIu32 " files from %" PRIu32,
              pack->name, i, directory->parent, directory->files, directory->first_file);
  }
  return LAM_OK;
}

static enum lam_status check_files(const struct lam_pack *pack, struct lam_error *error) {
  const struct pack_header *head = &pack->head;
  for (uint32_t i = 0; i < head->files; i++) {
    const struct pack_file *file = &pack->files[i];
    LAM_CHECK(file->key < head->sections[PACK_TEXT].size && file->directory < head->directories &&
                  (file->schema < head->schemas || file->schema == PACK_NONE) && file->rows <= INT64_MAX,
              error,
              "%s: its file %" PRIu32 " lies in directory %" PRIu32 " and has schema %" PRIu32 " and %" PRIu64 " rows",
              pack->name, i, file->directory, file->schema, file->rows);
  }
  return LAM_OK;
}

static enum lam_status check_schemas(const struct lam_pack *pack, struct lam_error *error) {
  const struct pack_header *head = &pack->head;
  uint64_t leaves = head->sections[PACK_LEAVES].size / sizeof *pack->leaves;
  uint64_t size = head->sections[PACK_SCHEMAS].size;
  for (uint32_t i = 0; i < head->schemas; i++) {
    const struct pack_schema *schema = &pack->schemas[i];
    LAM_CHECK(schema->offset <= size && schema->length <= size - schema->offset && schema->first_leaf <= leaves &&
                  schema->leaves <= leaves - schema->first_leaf,
              error, "%s: its schema %" PRIu32 " passes its section", pack->name, i);
  }
  return LAM_OK;
}

static enum lam_status open_mapped(struct lam_pack *pack, struct lam_error *error) {
  LAM_TRY(check_header(pack, error));
  LAM_TRY(open_sections(pack, error));
  LAM_TRY(check_directories(pack, error));
  LAM_TRY(check_files(pack, error));
  LAM_TRY(check_schemas(pack, error));
  return lam_alloc_zero(pack->mem, pack->head.columns, (void **)&pack->verified, error);
}

static enum lam_status create(const char *root, const char *name, struct lam_mem *mem, struct lam_pack **out,
                              struct lam_error *error) {
  struct lam_pack *pack;
  size_t root_size = strlen(root), size = strlen(name);
  *out = NULL;
  LAM_TRY(lam_alloc_zero(mem, sizeof *pack, (void **)&pack, error));
  pack->mem = mem;
  pack->name_room = root_size + size + 2;
  enum lam_status status = lam_alloc(mem, pack->name_room, (void **)&pack->name, error);
  if (status != LAM_OK) {
    lam_free(mem, pack, sizeof *pack);
    return status;
  }
  lam_copy(pack->name, root, root_size);
  if (root_size) pack->name[root_size++] = '/';
  memcpy(pack->name + root_size, name, size + 1);
  *out = pack;
  return LAM_OK;
}

static enum lam_status settle(struct lam_pack *pack, enum lam_status status, struct lam_pack **out) {
  if (status == LAM_OK)
    *out = pack;
  else
    lam_pack_close(pack);
  return status;
}

enum lam_status lam_pack_open(struct lam_store *store, const char *key, struct lam_mem *mem, struct lam_pack **out,
                              struct lam_error *error) {
  struct lam_pack *pack;
  *out = NULL;
  LAM_TRY(create(store->root, key, mem, &pack, error));
  enum lam_status status = map_pack(pack, store, key, error);
  if (status == LAM_OK) status = open_mapped(pack, error);
  return settle(pack, status, out);
}

enum lam_status lam_pack_open_bytes(struct lam_bytes bytes, const char *name, struct lam_mem *mem,
                                    struct lam_pack **out, struct lam_error *error) {
  struct lam_pack *pack;
  *out = NULL;
  LAM_TRY(create("", name, mem, &pack, error));
  pack->map = bytes;
  return settle(pack, open_mapped(pack, error), out);
}

void lam_pack_close(struct lam_pack *pack) {
  if (!pack) return;
  if (pack->store) pack->store->ops->unmap(pack->store, pack->map);
  if (pack->verified) lam_free(pack->mem, pack->verified, pack->head.columns);
  lam_free(pack->mem, pack->name, pack->name_room);
  lam_free(pack->mem, pack, sizeof *pack);
}

/* ---- directories and files ---- */

/* How long before the listing a directory must have changed for the last time. Clocks of file systems whose times have
 * no parts of seconds tick every second or two; others every 10 ms at most. */
static int64_t grain_of(int64_t time_ns) {
  return time_ns % 1000000000 == 0 ? INT64_C(2000000000) : 100000000;
}

bool lam_pack_trusts(const struct lam_pack *pack, uint32_t directory, const struct lam_object_info *info) {
  const struct pack_directory *then = &pack->directories[directory];
  if (then->flags & PACK_HAS_LINKS || info->kind != LAM_OBJECT_DIRECTORY) return false;
  if (then->inode != info->inode || then->mtime_ns != info->mtime_ns || then->ctime_ns != info->ctime_ns) return false;
  int64_t before;
  for (int i = 0; i < 2; i++) {
    int64_t changed = i ? then->ctime_ns : then->mtime_ns;
    if (__builtin_sub_overflow(pack->head.taken_ns, grain_of(changed), &before) || changed > before) return false;
  }
  return true;
}

/* Keys of records that are sorted by them are found by these. */
struct wanted {
  const struct lam_pack *pack;
  const char *key;
  size_t skipped; /* of the record's key: its directory and the slash */
};
static int order_directory(const void *wanted, const void *directory) {
  const struct wanted *w = wanted;
  return strcmp(w->key, lam_pack_key(w->pack, ((const struct pack_directory *)directory)->key));
}
static int order_file(const void *wanted, const void *file) {
  const struct wanted *w = wanted;
  const char *key = lam_pack_key(w->pack, ((const struct pack_file *)file)->key);
  return strcmp(w->key, strlen(key) < w->skipped ? "" : key + w->skipped);
}

uint32_t lam_pack_find_directory(const struct lam_pack *pack, const char *key) {
  const struct wanted wanted = {pack, key, 0};
  const struct pack_directory *found =
      bsearch(&wanted, pack->directories, pack->head.directories, sizeof *found, order_directory);
  return found ? (uint32_t)(found - pack->directories) : PACK_NONE;
}

uint32_t lam_pack_find_file(const struct lam_pack *pack, uint32_t directory, const char *name) {
  const struct pack_directory *in = &pack->directories[directory];
  size_t size = strlen(lam_pack_key(pack, in->key));
  const struct wanted wanted = {pack, name, size + (size > 0)};
  const struct pack_file *found = bsearch(&wanted, pack->files + in->first_file, in->files, sizeof *found, order_file);
  return found ? (uint32_t)(found - pack->files) : PACK_NONE;
}

/* ---- schemas and bounds ---- */

enum lam_status lam_pack_schema(const struct lam_pack *pack, uint32_t schema, struct lam_arena *arena,
                                struct lam_file_meta *out, struct lam_error *error) {
  const struct pack_schema *place = &pack->schemas[schema];
  struct lam_bytes bytes = lam_bytes_of((const uint8_t *)(const void *)pack->schemas + place->offset, place->length);
  enum lam_status status = lam_file_meta_parse(bytes, 0, arena, out, error);
  if (status != LAM_OK) return lam_fail_in(error, status, "%s: its schema %" PRIu32, pack->name, schema);
  LAM_CHECK(out->leaf_count == (int32_t)place->leaves, error,
            "%s: its schema %" PRIu32 " has %" PRId32 " leaves; %" PRIu32 " are recorded", pack->name, schema,
            out->leaf_count, place->leaves);
  return LAM_OK;
}

static enum lam_status verify_column(const struct lam_pack *pack, uint32_t index, struct lam_error *error) {
  const struct pack_column *column = &pack->columns[index];
  uint64_t least = (uint64_t)pack->head.files * PACK_SLOT_BYTES;
  if (atomic_load_explicit(&pack->verified[index], memory_order_acquire)) return LAM_OK;
  LAM_TRY(check_place(pack, "bounds", &column->bounds, error));
  LAM_CHECK(column->bounds.size >= least, error,
            "%s: the bounds of its column %" PRIu32 " take %" PRIu64 " bytes; expected %" PRIu64 " at least",
            pack->name, index, column->bounds.size, least);
  LAM_TRY(check_hash(pack, "bounds", &column->bounds, error));
  atomic_store_explicit(&pack->verified[index], 1, memory_order_release);
  return LAM_OK;
}

static enum lam_status bounds_of_column(const struct lam_pack *pack, uint32_t index, struct lam_pack_bounds *out,
                                        struct lam_error *error) {
  const struct pack_column *column = &pack->columns[index];
  size_t files = pack->head.files;
  LAM_TRY(verify_column(pack, index, error));
  const uint8_t *at = pack->map.data + column->bounds.offset;
  *out = (struct lam_pack_bounds){.pack = pack,
                                  .mins = (const uint64_t *)(const void *)at,
                                  .maxes = (const uint64_t *)(const void *)(at + 8 * files),
                                  .nulls = (const int64_t *)(const void *)(at + 16 * files),
                                  .flags = at + 24 * files,
                                  .form = column->form};
  size_t slots = files * PACK_SLOT_BYTES;
  out->bytes = lam_bytes_of(at + slots, (size_t)column->bounds.size - slots);
  return LAM_OK;
}

enum lam_status lam_pack_bounds(const struct lam_pack *pack, uint32_t schema, int32_t leaf, bool *there,
                                struct lam_pack_bounds *out, struct lam_error *error) {
  const struct pack_schema *place = &pack->schemas[schema];
  *there = leaf >= 0 && (uint32_t)leaf < place->leaves;
  if (!*there) return LAM_OK;
  uint32_t column = pack->leaves[place->first_leaf + (uint32_t)leaf];
  *there = column < pack->head.columns;
  return *there ? bounds_of_column(pack, column, out, error) : LAM_OK;
}

/* False where the slot is not one of the type's. */
static bool load_bound(const struct lam_pack_bounds *bounds, uint64_t slot, const struct lam_type *type,
                       struct lam_scalar *out) {
  *out = (struct lam_scalar){.type = *type};
  bool decimal = type->id == LAM_TYPE_DECIMAL128 || type->id == LAM_TYPE_DECIMAL256;
  bool in_bytes = decimal || lam_type_is_binary(type->id) || type->id == LAM_TYPE_FIXED_BINARY;
  if (in_bytes != (bounds->form == PACK_BYTES)) return false;
  if (!in_bytes) {
    out->value.u = slot;
    return true;
  }
  uint64_t offset = slot >> 16, length = slot & 0xffff;
  if (offset > bounds->bytes.size || length > bounds->bytes.size - offset) return false;
  const uint8_t *bytes = bounds->bytes.data + offset;
  if (!decimal) {
    out->bytes = lam_bytes_of(bytes, (size_t)length);
    return true;
  }
  if (length != sizeof out->value.decimal) return false;
  memcpy(out->value.decimal, bytes, sizeof out->value.decimal);
  return true;
}

void lam_pack_facts(const struct lam_pack_bounds *bounds, uint32_t file, const struct lam_type *type,
                    struct lam_facts_column *out) {
  uint8_t flags = bounds->flags[file];
  *out = (struct lam_facts_column){.nulls = bounds->nulls[file],
                                   .min_exact = flags & PACK_MIN_EXACT,
                                   .max_exact = flags & PACK_MAX_EXACT,
                                   .may_be_nan = flags & PACK_MAY_BE_NAN,
                                   .only_nan = flags & PACK_ONLY_NAN};
  out->has_min = flags & PACK_MIN && load_bound(bounds, bounds->mins[file], type, &out->min);
  out->has_max = flags & PACK_MAX && load_bound(bounds, bounds->maxes[file], type, &out->max);
}

/* ---- verifying ---- */

/* A file's key is its directory's, a slash, and a name. */
static bool lies_in(const struct lam_pack *pack, const struct pack_file *file) {
  const char *key = lam_pack_key(pack, file->key);
  const char *directory = lam_pack_key(pack, pack->directories[file->directory].key);
  size_t size = strlen(directory);
  if (strncmp(key, directory, size) != 0 || (size && key[size] != '/')) return false;
  key += size + (size > 0);
  return *key && !strchr(key, '/');
}

static enum lam_status verify_order(const struct lam_pack *pack, struct lam_error *error) {
  uint32_t next = 0;
  for (uint32_t i = 0; i < pack->head.directories; i++) {
    const struct pack_directory *directory = &pack->directories[i];
    const char *key = lam_pack_key(pack, directory->key);
    LAM_CHECK(i == 0 || strcmp(lam_pack_key(pack, directory[-1].key), key) < 0, error,
              "%s: its directories are not sorted at \"%s\"", pack->name, key);
    LAM_CHECK(directory->first_file == next, error, "%s: directory \"%s\" begins with file %" PRIu32 ", not %" PRIu32,
              pack->name, key, directory->first_file, next);
    for (uint32_t end = next + directory->files; next < end; next++) {
      const struct pack_file *file = &pack->files[next];
      bool sorted =
          next == directory->first_file || strcmp(lam_pack_key(pack, file[-1].key), lam_pack_key(pack, file->key)) < 0;
      LAM_CHECK(sorted && file->directory == i && lies_in(pack, file), error,
                "%s: file %" PRIu32 ", \"%s\", is not one of directory \"%s\", or out of order", pack->name, next,
                lam_pack_key(pack, file->key), key);
    }
  }
  LAM_CHECK(next == pack->head.files, error, "%s: %" PRIu32 " of its %" PRIu32 " files lie in directories", pack->name,
            next, pack->head.files);
  return LAM_OK;
}

enum lam_status lam_pack_verify(const struct lam_pack *pack, struct lam_error *error) {
  const struct pack_header *head = &pack->head;
  uint64_t hash = lam_hash64(pack->map.data + sizeof *head, pack->map.size - sizeof *head);
  LAM_CHECK(hash == head->whole_hash, error,
            "%s: its bytes from %zu on have the checksum %016" PRIx64 "; %016" PRIx64 " is recorded", pack->name,
            sizeof *head, hash, head->whole_hash);
  for (uint32_t i = 0; i < head->columns; i++) LAM_TRY(verify_column(pack, i, error));
  return verify_order(pack, error);
}
