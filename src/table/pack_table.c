/* Tables that have a pack: the schemas of their files without the files. */
#include "base/context.h"
#include "sidecar/pack.h"
#include "table/table.h"

static enum lam_status read_schema(struct lam_table *table, uint32_t index, struct lam_error *error) {
  const struct lam_pack *pack = table->snapshot.pack;
  struct lam_packed_schema *schema = &table->packed[index];
  enum lam_status status = lam_pack_schema(pack, index, &table->arena, &schema->meta, error);
  if (status == LAM_OK) status = lam_meta_columns_of(&schema->meta, pack->name, &table->arena, &schema->columns, error);
  schema->state = status == LAM_OK ? LAM_PACKED_READ : LAM_PACKED_BAD;
  return status;
}

enum lam_status lam_packed_schema_of(struct lam_table *table, size_t file, struct lam_packed_schema **out,
                                     struct lam_error *error) {
  const struct lam_pack *pack = table->snapshot.pack;
  uint32_t packed = table->snapshot.files[file].packed;
  *out = NULL;
  if (!packed || pack->files[packed - 1].schema == PACK_NONE) return LAM_OK;
  if (!table->packed) {
    void *memory;
    LAM_TRY(lam_arena_array(&table->arena, pack->head.schemas, sizeof *table->packed, &memory, error));
    table->packed = memory;
  }
  uint32_t index = pack->files[packed - 1].schema;
  if (table->packed[index].state == LAM_PACKED_UNREAD) {
    struct lam_error why = LAM_ERROR_INIT;
    enum lam_status status = read_schema(table, index, &why);
    if (status != LAM_OK && status != LAM_CORRUPT && status != LAM_UNSUPPORTED) {
      lam_error_copy(error, &why);
      return status;
    }
    if (status != LAM_OK) lam_log(table->context, LAM_LOG_WARN, "files are opened instead: %s", why.message);
  }
  if (table->packed[index].state != LAM_PACKED_BAD) *out = &table->packed[index];
  return LAM_OK;
}

void lam_packed_release(struct lam_table *table) {
  for (uint32_t i = 0; table->packed && i < table->snapshot.pack->head.schemas; i++)
    lam_schema_release(&table->packed[i].columns.schema);
}
