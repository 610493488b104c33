/* Packs of any bytes: whatever is asked of them is answered within them, or refused with a message.
 *
 * The first byte says whether the checksums are made right first, without which little but noise would get past them.
 */
#include <stdlib.h>

#include "base/checksum.h"
#include "parquet/schema.h"
#include "sidecar/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition) {
  if (!condition) abort();
}

static void repair_section(uint8_t *bytes, size_t size, uint8_t *section) {
  struct pack_section s;
  memcpy(&s, section, sizeof s);
  if (s.offset <= size && s.size <= size - s.offset)
    lam_store64(section + offsetof(struct pack_section, hash), lam_hash64(bytes + s.offset, (size_t)s.size));
}

static void repair(uint8_t *bytes, size_t size) {
  struct pack_header head;
  if (size < sizeof head) return;
  lam_store64(bytes, PACK_MAGIC);
  lam_store64(bytes + offsetof(struct pack_header, size), size);
  memcpy(&head, bytes, sizeof head);
  uint64_t columns = head.sections[PACK_COLUMNS].offset;
  for (uint64_t i = 0; i < head.columns && columns <= size && (i + 1) * sizeof(struct pack_column) <= size - columns;
       i++)
    repair_section(bytes, size, bytes + columns + i * sizeof(struct pack_column));
  for (size_t i = 0; i < PACK_SECTIONS; i++)
    repair_section(bytes, size, bytes + offsetof(struct pack_header, sections) + i * sizeof(struct pack_section));
  lam_store64(bytes + offsetof(struct pack_header, whole_hash), lam_hash64(bytes + sizeof head, size - sizeof head));
  lam_store64(bytes + offsetof(struct pack_header, hash), lam_hash64(bytes, offsetof(struct pack_header, hash)));
}

static void touch(struct lam_bytes bytes) {
  volatile uint8_t sum = 0;
  for (size_t i = 0; i < bytes.size; i++) sum = (uint8_t)(sum + bytes.data[i]);
}

static void ask_leaf(const struct lam_pack *pack, uint32_t schema, const struct lam_file_meta *meta, int32_t leaf) {
  struct lam_pack_bounds bounds;
  struct lam_leaf type;
  bool there;
  if (lam_leaf_of_node(meta, meta->leaves[leaf], &type, NULL) != LAM_OK) return;
  if (lam_pack_bounds(pack, schema, leaf, &there, &bounds, NULL) != LAM_OK || !there) return;
  for (uint32_t i = 0; i < pack->head.files && i < 100; i++) {
    struct lam_facts_column facts;
    lam_pack_facts(&bounds, i, &type.type, &facts);
    if (facts.has_min) touch(facts.min.bytes);
    if (facts.has_max) touch(facts.max.bytes);
  }
}

/* What a renewal would take of it. */
static void copy(const struct lam_pack *pack, struct lam_mem *mem) {
  struct lam_pack_builder *builder;
  struct lam_buf out;
  lam_buf_init(&out, mem);
  check(lam_pack_builder_open(mem, pack->head.files, &builder, NULL) == LAM_OK);
  enum lam_status status = lam_pack_add_directory(builder, "", (struct pack_directory){0}, NULL);
  for (uint32_t i = 0; status == LAM_OK && i < pack->head.files && i < 100; i++)
    status = lam_pack_add_known(builder, pack, i, NULL);
  if (status == LAM_OK && lam_pack_finish(builder, 0, 0, &out, NULL) == LAM_OK) {
    struct lam_pack *made;
    check(lam_pack_open_bytes(lam_bytes_of(out.data, out.size), "made", mem, &made, NULL) == LAM_OK);
    lam_pack_close(made);
  }
  lam_pack_builder_close(builder);
  lam_buf_release(&out);
}

static void ask(const struct lam_pack *pack, struct lam_mem *mem) {
  struct lam_object_info info = {.kind = LAM_OBJECT_DIRECTORY};
  (void)lam_pack_verify(pack, NULL);
  for (uint32_t i = 0; i < pack->head.directories && i < 100; i++) {
    const char *key = lam_pack_key(pack, pack->directories[i].key);
    (void)lam_pack_trusts(pack, i, &info);
    (void)lam_pack_find_directory(pack, key);
    (void)lam_pack_find_file(pack, i, "a.parquet");
  }
  for (uint32_t i = 0; i < pack->head.schemas && i < 100; i++) {
    struct lam_arena arena;
    struct lam_file_meta meta;
    lam_arena_init(&arena, mem);
    if (lam_pack_schema(pack, i, &arena, &meta, NULL) == LAM_OK)
      for (int32_t leaf = 0; leaf < meta.leaf_count && leaf < 100; leaf++) ask_leaf(pack, i, &meta, leaf);
    lam_arena_release(&arena);
  }
  copy(pack, mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct lam_context *context;
  struct lam_context_options small = LAM_CONTEXT_OPTIONS_INIT;
  struct lam_mem *mem;
  struct lam_pack *pack;
  struct lam_error error = LAM_ERROR_INIT;
  void *bytes;
  small.threads = 1, small.memory_limit = 64 << 20;
  if (!context) check(lam_context_create(&small, &context, NULL) == LAM_OK);
  if (size < 1) return 0;
  check(lam_mem_open(context, 0, &mem, NULL) == LAM_OK);
  check(lam_alloc(mem, size - 1, &bytes, NULL) == LAM_OK);
  lam_copy(bytes, data + 1, size - 1);
  if (data[0] & 1) repair(bytes, size - 1);
  enum lam_status status = lam_pack_open_bytes(lam_bytes_of(bytes, size - 1), "input", mem, &pack, &error);
  if (status == LAM_OK) {
    ask(pack, mem);
    lam_pack_close(pack);
  } else {
    check(error.message[0] != 0);
  }
  lam_free(mem, bytes, size - 1);
  check(lam_mem_used(mem) == 0);
  lam_mem_close(mem);
  return 0;
}
