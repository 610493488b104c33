/* Row groups by dictionaries: where every data page of a chunk is dictionary-coded, the chunk's values are entries of
 * the dictionary, so a condition over that column alone is what it is for these entries and for NULL. */
#include "arrow/cast.h"
#include "parquet/chunk.h"
#include "parquet/prune_state.h"

enum {
  ANY_OUTCOME = LAM_MAY_BE_TRUE | LAM_MAY_BE_FALSE | LAM_MAY_BE_NULL,
  /* A dictionary is read twice where the rows are read after all: it must be small, or small beside its chunk. */
  SMALL_BYTES = 64 << 10,
  SMALL_PART = 4,
};

struct lam_dictionary_probe {
  struct lam_mem *mem;
  struct lam_chunk chunk;
  struct lam_codec_state codec;
  struct lam_evaluator **evaluators; /* of the parts; opened when they are needed */
  int32_t part_count;
  /* A batch of nothing but one column: all others are released arrays, as the evaluator allows. */
  struct ArrowArray **children;
  struct ArrowArray released;
  /* Whose entries are in `entries`, of the node's type. */
  int32_t group, column;
  struct ArrowArray entries;
};

static enum lam_status open_probe(struct lam_prune *prune, struct lam_error *error) {
  struct lam_dictionary_probe *probe;
  int64_t columns = prune->schema->n_children;
  LAM_TRY(lam_arena_array(&prune->arena, 1, sizeof *probe, (void **)&probe, error));
  LAM_TRY(lam_arena_array(&prune->arena, (size_t)prune->part_count, sizeof *probe->evaluators,
                          (void **)&probe->evaluators, error));
  LAM_TRY(lam_arena_array(&prune->arena, (size_t)columns, sizeof *probe->children, (void **)&probe->children, error));
  for (int64_t i = 0; i < columns; i++) probe->children[i] = &probe->released;
  probe->mem = prune->mem;
  probe->part_count = prune->part_count;
  probe->group = -1;
  lam_chunk_init(&probe->chunk, prune->mem);
  lam_codec_init(&probe->codec, prune->mem);
  prune->dictionaries = probe;
  return LAM_OK;
}

void lam_dictionary_probe_close(struct lam_dictionary_probe *probe) {
  if (!probe) return;
  lam_array_release(&probe->entries);
  for (int32_t i = 0; i < probe->part_count; i++) lam_evaluator_close(probe->evaluators[i]);
  lam_codec_release(&probe->codec);
  lam_chunk_release(&probe->chunk);
}

/* ---- entries ---- */

/* Reads the dictionary page into chunk->dictionary; *found is false where there is none, or a large one. */
static enum lam_status read_page(struct lam_prune *prune, const struct lam_prune_column *column, bool *found,
                                 struct lam_error *error) {
  struct lam_dictionary_probe *probe = prune->dictionaries;
  const struct lam_chunk_meta *meta = &prune->meta->row_groups[prune->group].chunks[column->leaf];
  struct lam_chunk_source source = {.bytes = lam_file_source(prune->file),
                                    .window = SMALL_BYTES,
                                    .codec = (enum lam_codec)meta->codec,
                                    .leaf = &column->type,
                                    .values = meta->values,
                                    .checksums = lam_file_checksums(prune->file)};
  struct lam_page page;
  struct lam_bytes payload;
  *found = false;
  LAM_TRY(lam_chunk_range(prune->file, prune->group, column->leaf, &source.offset, &source.size, error));
  source.slack = lam_chunk_slack(prune->file, source.offset + source.size);
  LAM_TRY(lam_chunk_begin(&probe->chunk, &source, true, error));
  LAM_TRY(lam_page_stream_header(&probe->chunk.stream, &page, found, error));
  if (!*found) return LAM_OK;
  uint64_t size = (uint64_t)page.header.compressed_size;
  *found = page.header.kind == LAM_DICTIONARY_PAGE && (size <= SMALL_BYTES || size <= source.size / SMALL_PART);
  if (!*found) return LAM_OK;
  LAM_TRY(lam_page_stream_payload(&probe->chunk.stream, &page, &payload, error));
  return lam_read_dictionary_page(&probe->chunk, &page, payload, &probe->codec, error);
}

static enum lam_status make_entries(struct lam_prune *prune, const struct lam_prune_column *column,
                                    struct lam_error *error) {
  struct lam_dictionary_probe *probe = prune->dictionaries;
  const struct lam_values *values = &probe->chunk.dictionary;
  bool binary = probe->chunk.class == LAM_VALUES_BINARY;
  struct lam_shared *const buffers[] = {NULL, binary ? values->offsets : values->data, values->data};
  struct ArrowArray entries;
  LAM_TRY(lam_array_init(values->count, 0, binary ? 3 : 2, buffers, NULL, &entries, error));
  if (lam_type_equal(&column->type.type, &column->node->type)) {
    probe->entries = entries;
    return LAM_OK;
  }
  struct ArrowSchema schema;
  enum lam_status status = lam_schema_init(&column->type.type, "", true, &schema, error);
  if (status == LAM_OK) {
    status = lam_cast(prune->mem, &schema, &entries, &column->node->type, &probe->entries, error);
    lam_schema_release(&schema);
  }
  lam_array_release(&entries);
  return status;
}

/* The values that the column may have in the row group; probe->entries is released where nobody can tell. */
static enum lam_status find_entries(struct lam_prune *prune, int32_t index, struct lam_error *error) {
  struct lam_dictionary_probe *probe = prune->dictionaries;
  const struct lam_prune_column *column = &prune->columns[index];
  if (probe->group == prune->group && probe->column == index) return LAM_OK;
  lam_array_release(&probe->entries);
  probe->group = prune->group;
  probe->column = index;
  bool found;
  LAM_TRY(read_page(prune, column, &found, error));
  return found ? make_entries(prune, column, error) : LAM_OK;
}

/* ---- outcomes ---- */

static enum lam_status add_outcomes(const struct ArrowSchema *schema, const struct ArrowArray *array,
                                    unsigned *outcomes, struct lam_error *error) {
  struct lam_view view;
  LAM_TRY(lam_view_init(schema, array, &view, error));
  for (int64_t row = 0; row < view.length && *outcomes != ANY_OUTCOME; row++) {
    if (!lam_view_valid(&view, row))
      *outcomes |= LAM_MAY_BE_NULL;
    else
      *outcomes |= lam_bit_get(view.data, view.offset + row) ? LAM_MAY_BE_TRUE : LAM_MAY_BE_FALSE;
  }
  return LAM_OK;
}

static void keep_array(struct ArrowArray *array) {
  array->release = NULL; /* its parts are others' */
}

/* Adds the outcomes of the part for the values of its column. */
static enum lam_status evaluate(struct lam_prune *prune, int32_t part, struct ArrowArray *values, unsigned *outcomes,
                                struct lam_error *error) {
  struct lam_dictionary_probe *probe = prune->dictionaries;
  const struct lam_expr *condition = prune->parts[part].condition;
  int32_t child = prune->columns[prune->parts[part].column].node->path[0];
  const void *no_validity[1] = {NULL};
  struct ArrowArray result, batch = {.length = values->length,
                                     .n_buffers = 1,
                                     .buffers = no_validity,
                                     .n_children = prune->schema->n_children,
                                     .children = probe->children,
                                     .release = keep_array};
  struct ArrowSchema schema;
  if (!probe->evaluators[part])
    LAM_TRY(lam_evaluator_open(prune->mem, condition, prune->schema, &probe->evaluators[part], error));
  LAM_TRY(lam_schema_init(&condition->type, "", true, &schema, error));
  probe->children[child] = values;
  enum lam_status status = lam_evaluate(probe->evaluators[part], &batch, &result, error);
  probe->children[child] = &probe->released;
  if (status == LAM_OK) {
    status = add_outcomes(&schema, &result, outcomes, error);
    lam_array_release(&result);
  }
  lam_schema_release(&schema);
  return status;
}

static enum lam_status decide(struct lam_prune *prune, int32_t part, unsigned *outcomes, struct lam_error *error) {
  struct lam_prune_column *column = &prune->columns[prune->parts[part].column];
  struct lam_facts_column facts;
  if (!prune->dictionaries) LAM_TRY(open_probe(prune, error));
  LAM_TRY(find_entries(prune, prune->parts[part].column, error));
  if (!prune->dictionaries->entries.release) return LAM_OK;
  *outcomes = 0;
  LAM_TRY(evaluate(prune, part, &prune->dictionaries->entries, outcomes, error));
  LAM_TRY(lam_facts_of_chunk(prune, column, &facts, error));
  if (facts.nulls == 0) return LAM_OK;
  struct ArrowArray null;
  LAM_TRY(lam_array_nulls(prune->mem, prune->schema->children[column->node->path[0]], 1, &null, error));
  enum lam_status status = evaluate(prune, part, &null, outcomes, error);
  lam_array_release(&null);
  return status;
}

enum lam_status lam_dictionary_decide(struct lam_prune *prune, int32_t part, unsigned *outcomes,
                                      struct lam_error *error) {
  const struct lam_prune_column *column = &prune->columns[prune->parts[part].column];
  *outcomes = ANY_OUTCOME;
  if (column->kind != LAM_PRUNE_LEAF || column->node->depth != 1 || column->type.type.id == LAM_TYPE_NULL)
    return LAM_OK;
  const struct lam_chunk_meta *chunk = &prune->meta->row_groups[prune->group].chunks[column->leaf];
  if (!chunk->encoding_stats_known || !chunk->all_pages_dictionary || chunk->values != prune->rows ||
      column->type.physical == LAM_BOOLEAN)
    return LAM_OK;
  enum lam_status status = decide(prune, part, outcomes, error);
  /* An expression may fail for an entry that no row has; what is damaged, reading tells. */
  bool usable;
  LAM_TRY(lam_prune_optional(status == LAM_INVALID ? LAM_CORRUPT : status, &usable));
  if (!usable) *outcomes = ANY_OUTCOME;
  return LAM_OK;
}
