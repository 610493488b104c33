#include "parquet/filter_reader.h"

#include <assert.h>
#include <inttypes.h>

#include "arrow/cast.h"
#include "arrow/take.h"
#include "base/context.h"
#include "base/options.h"
#include "parquet/filter_state.h"

/* Of nested columns: passing over rows by ranges costs about so many rows' decoding for each range. Where it would cost
 * more than decoding all rows, these are decoded and those selected copied. */
enum { RANGE_COST = 96 };

/* ---- opening ---- */

static enum lam_status copy_options(struct lam_filter_reader *reader, const struct lam_read_options *given,
                                    struct lam_error *error) {
  void *memory;
  reader->options = (struct lam_read_options)LAM_READ_OPTIONS_INIT;
  LAM_TRY(lam_options_read(given, "LAM_READ_OPTIONS_INIT", &reader->options, sizeof reader->options, error));
  reader->options.string_views = false; /* which neither conditions nor takes of rows read */
  const struct lam_read_options *options = &reader->options;
  int32_t groups = options->row_groups ? options->row_group_count : lam_file_row_groups(reader->file);
  int32_t columns = options->columns ? options->column_count : lam_file_columns(reader->file);
  if (groups < 0 || columns < 0) return lam_fail(error, LAM_INVALID, "a negative number of row groups or columns");
  LAM_TRY(lam_arena_array(&reader->arena, (size_t)groups + 1, sizeof(int32_t), &memory, error));
  reader->row_groups = memory;
  reader->row_group_count = groups;
  for (int32_t i = 0; i < groups; i++) {
    reader->row_groups[i] = options->row_groups ? options->row_groups[i] : i;
    if (reader->row_groups[i] < 0 || reader->row_groups[i] >= lam_file_row_groups(reader->file))
      return lam_fail(error, LAM_INVALID, "%s: row group %" PRId32 " is asked for; it has %" PRId32,
                      lam_file_name(reader->file), reader->row_groups[i], lam_file_row_groups(reader->file));
  }
  LAM_TRY(lam_arena_array(&reader->arena, 2 * ((size_t)columns + 1), sizeof(int32_t), &memory, error));
  reader->tops = memory;
  reader->from_rest = reader->tops + columns;
  reader->column_count = columns;
  for (int32_t i = 0; i < columns; i++) reader->tops[i] = options->columns ? options->columns[i] : i;
  return LAM_OK;
}

enum lam_status lam_filter_reader_open(struct lam_file *file, const struct lam_read_options *options,
                                       const struct lam_filter *filter, bool one_thread, struct lam_mem *mem,
                                       struct lam_filter_reader **out, struct lam_error *error) {
  void *memory;
  *out = NULL;
  LAM_TRY(lam_alloc_zero(mem, sizeof(struct lam_filter_reader), &memory, error));
  struct lam_filter_reader *reader = memory;
  reader->mem = mem;
  reader->file = file;
  reader->filter = *filter;
  reader->one_thread = one_thread;
  lam_arena_init(&reader->arena, mem);
  lam_buf_init(&reader->bits, mem);
  lam_buf_init(&reader->indices, mem);
  lam_buf_init(&reader->of_stage.places, mem);
  lam_buf_init(&reader->of_rest.places, mem);
  lam_buf_init(&reader->places[0], mem);
  lam_buf_init(&reader->places[1], mem);
  struct lam_ranges *const ranges[] = {&reader->candidates, &reader->window, &reader->of_stage.ranges,
                                       &reader->of_rest.ranges};
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) lam_ranges_init(ranges[i], mem);
  enum lam_status status = copy_options(reader, options, error);
  if (status == LAM_OK) status = lam_filter_plan(reader, error);
  reader->options.columns = reader->options.row_groups = NULL; /* the caller's; not used from here on */
  if (status == LAM_OK)
    *out = reader;
  else
    lam_filter_reader_close(reader);
  return status;
}

void lam_filter_reader_close(struct lam_filter_reader *reader) {
  if (!reader) return;
  struct lam_mem *mem = reader->mem;
  lam_filter_unplan(reader);
  lam_schema_release(&reader->schema);
  lam_ranges_release(&reader->candidates);
  lam_ranges_release(&reader->window);
  lam_ranges_release(&reader->of_stage.ranges);
  lam_ranges_release(&reader->of_rest.ranges);
  lam_buf_release(&reader->of_stage.places);
  lam_buf_release(&reader->of_rest.places);
  lam_buf_release(&reader->places[0]);
  lam_buf_release(&reader->places[1]);
  lam_buf_release(&reader->bits);
  lam_buf_release(&reader->indices);
  lam_arena_release(&reader->arena);
  lam_free(mem, reader, sizeof *reader);
}

enum lam_status lam_filter_reader_schema(const struct lam_filter_reader *reader, struct ArrowSchema *out,
                                         struct lam_error *error) {
  return lam_schema_copy(&reader->schema, out, error);
}

void lam_filter_reader_sample(struct lam_filter_reader *reader, const struct lam_spread *sample, int64_t base) {
  reader->sample = sample;
  reader->sample_base = base;
}

void lam_filter_reader_select(struct lam_filter_reader *reader, int32_t row_group) {
  assert(reader->row_group_count == 1);
  reader->row_groups[0] = row_group;
  reader->next_group = 0;
  reader->in_group = false;
}

const struct lam_filter_counts *lam_filter_reader_counts(const struct lam_filter_reader *reader) {
  return &reader->counts;
}
const struct lam_prune_counts *lam_filter_reader_pruned(const struct lam_filter_reader *reader) {
  return reader->prune ? lam_prune_counted(reader->prune) : NULL;
}

int64_t lam_filter_reader_row(const struct lam_filter_reader *reader) {
  return reader->row;
}

/* ---- row groups ---- */

/* Whether a flat column's chunk has nothing but dictionary pages. */
static bool all_dictionary(const struct lam_filter_reader *reader, int32_t top) {
  const struct lam_file_meta *meta = lam_file_meta(reader->file);
  int32_t leaf = meta->nodes[lam_top_node(meta, top)].leaf;
  const struct lam_chunk_meta *chunk = &meta->row_groups[reader->group].chunks[leaf];
  return chunk->encoding_stats_known && chunk->all_pages_dictionary;
}

/* A column whose pages are all dictionary-coded comes as a dictionary: a condition is then asked of its values, not of
 * its rows, and other columns are decoded once their rows are chosen. */
static void choose_forms(struct lam_filter_reader *reader) {
  for (int32_t i = 0; i < reader->input_count; i++) {
    struct lam_filter_input *input = &reader->inputs[i];
    struct lam_filter_stage *stage = &reader->stages[input->stage];
    if (input->top < 0) continue;
    if (input->dictionary.release) {
      input->as_dictionary = all_dictionary(reader, input->top);
      lam_reader_as_dictionary(stage->reader, input->index, input->as_dictionary);
    }
    stage->form_schemas[input->index] = input->as_dictionary ? &input->dictionary : &input->plain;
  }
  for (int32_t i = 0; i < reader->column_count; i++) {
    int32_t at = reader->from_rest[i];
    if (at < 0) continue;
    struct lam_rest_column *column = &reader->rest_columns[at];
    if (column->dictionary.release) {
      column->as_dictionary = all_dictionary(reader, reader->tops[i]);
      lam_reader_as_dictionary(reader->rest, at, column->as_dictionary);
    }
    reader->rest_forms[at] = column->as_dictionary ? &column->dictionary : reader->rest_schema.children[at];
  }
}

/* The rows of the group that may match; *evaluates is false where all of them
 * do. */
static enum lam_status find_candidates(struct lam_filter_reader *reader, int64_t rows, struct lam_error *error) {
  unsigned outcomes = LAM_MAY_BE_TRUE;
  lam_ranges_clear(&reader->candidates);
  reader->evaluates = false;
  if (reader->prune) LAM_TRY(lam_prune_group(reader->prune, reader->group, &outcomes, error));
  if (!(outcomes & LAM_MAY_BE_TRUE)) return LAM_OK;
  if (outcomes == LAM_MAY_BE_TRUE) return lam_ranges_add(&reader->candidates, 0, rows, error);
  bool all;
  LAM_TRY(lam_prune_rows(reader->prune, reader->group, &reader->candidates, &all, error));
  reader->evaluates = !all;
  return LAM_OK;
}

/* Leaves of the candidates those of the sample. */
static enum lam_status sample_candidates(struct lam_filter_reader *reader, int64_t rows, struct lam_error *error) {
  struct lam_ranges sampled, both;
  int64_t base = reader->sample_base;
  if (!reader->sample) return LAM_OK;
  for (int32_t i = 0; i < reader->group; i++) base += lam_file_row_group_rows(reader->file, i);
  lam_ranges_init(&sampled, reader->mem);
  lam_ranges_init(&both, reader->mem);
  enum lam_status status = lam_ranges_add_spread(&sampled, reader->sample, base, rows, error);
  if (status == LAM_OK) status = lam_ranges_intersect(&reader->candidates, &sampled, &both, error);
  lam_ranges_release(&sampled);
  lam_ranges_release(&reader->candidates);
  reader->candidates = both;
  return status;
}

static void count_bytes(struct lam_filter_reader *reader) {
  const struct lam_file_meta *meta = lam_file_meta(reader->file);
  for (int32_t i = 0; i < reader->input_count; i++) {
    if (reader->inputs[i].top < 0) continue;
    const struct lam_schema_node *node = &meta->nodes[lam_top_node(meta, reader->inputs[i].top)];
    for (int32_t leaf = node->leaf; leaf < node->leaf + node->leaves; leaf++)
      reader->counts.bytes += (uint64_t)meta->row_groups[reader->group].chunks[leaf].compressed_size;
  }
}

static enum lam_status begin_group(struct lam_filter_reader *reader, struct lam_error *error) {
  reader->group = reader->row_groups[reader->next_group++];
  int64_t rows = lam_file_row_group_rows(reader->file, reader->group);
  LAM_CHECK(rows >= 0, error, "%s: row group %" PRId32 " has %" PRId64 " rows", lam_file_name(reader->file),
            reader->group, rows);
  LAM_TRY(find_candidates(reader, rows, error));
  LAM_TRY(sample_candidates(reader, rows, error));
  reader->left = lam_rows_of(&reader->candidates);
  reader->in_group = true;
  reader->rest_begun = false;
  for (int32_t i = 0; i < reader->stage_count; i++) reader->stages[i].begun = false;
  reader->counts.groups++;
  if (reader->left.count == 0) reader->counts.groups_skipped++;
  if (reader->left.count > 0 && !reader->evaluates) {
    reader->counts.groups_whole++;
    return lam_reader_begin(reader->whole, reader->group, error);
  }
  if (reader->left.count == 0) return LAM_OK;
  count_bytes(reader);
  choose_forms(reader);
  return LAM_OK;
}

/* ---- windows: reading ---- */

/* How the chosen rows of the window are read: flat columns one by one where they are no single run, others by ranges,
 * or all of the window from the first of them to the last. */
static enum lam_status begin_reading(struct lam_filter_reader *reader, const struct lam_reader *from,
                                     struct lam_reading *reading, struct lam_error *error) {
  const struct lam_selection *chosen = &reader->chosen;
  struct lam_rows window = lam_rows_of(&reader->window);
  reading->given = 0;
  reading->all = reading->singly = false;
  if (chosen->indices && lam_reader_flat(from)) {
    LAM_TRY(lam_rows_singly(&window, chosen, &reading->places, &reading->chosen, &reading->singly, error));
    if (reading->singly) return LAM_OK;
  }
  int64_t first = chosen->indices ? chosen->indices[0] : chosen->first;
  int64_t end = chosen->indices ? chosen->indices[chosen->count - 1] + 1 : first + chosen->count;
  const struct lam_selection from_first_to_last = {.rows = chosen->rows, .count = end - first, .first = first};
  reading->all = (end - first - chosen->count) / RANGE_COST < lam_selection_runs(chosen) - 1;
  reading->place = first;
  LAM_TRY(lam_rows_choose(&window, reading->all ? &from_first_to_last : chosen, &reading->ranges, error));
  reading->rows = lam_rows_of(&reading->ranges);
  return LAM_OK;
}

/* Reads the next of the chosen rows: at least one. */
static enum lam_status read_piece(struct lam_filter_reader *reader, struct lam_reader *from,
                                  const struct ArrowSchema *schema, struct lam_reading *reading,
                                  struct lam_filter_buffers *kept, struct ArrowArray *out, struct lam_error *error) {
  int64_t taken;
  struct lam_selection part = {.count = 0};
  out->release = NULL;
  if (reading->singly) {
    LAM_TRY(lam_reader_read_chosen(from, &reading->chosen, &taken, out, error));
    reading->chosen.places += taken;
    reading->chosen.count -= (size_t)taken;
    reading->given += taken;
    return LAM_OK;
  }
  while (part.count == 0) {
    lam_array_release(out);
    LAM_TRY(lam_reader_read(from, reading->rows.at, reading->rows.count, &taken, out, error));
    lam_rows_advance(&reading->rows, taken);
    part.count = taken;
    if (reading->all)
      LAM_TRY(
          lam_selection_part(&reader->chosen, reading->given, reading->place, taken, &reader->indices, &part, error));
    reading->place += taken;
    reading->given += part.count;
  }
  enum lam_status status = LAM_OK;
  for (int64_t i = 0; status == LAM_OK && reading->all && i < out->n_children; i++) {
    struct ArrowArray column;
    status = lam_filter_array(reader->mem, schema->children[i], out->children[i], &part, kept ? &kept[i] : NULL,
                              &column, error);
    if (status == LAM_OK) *out->children[i] = column;
  }
  out->length = part.count;
  if (status != LAM_OK) lam_array_release(out);
  return status;
}

/* Columns of a stage, `batch`, become its inputs. */
static void hold_inputs(struct lam_filter_reader *reader, int32_t stage, bool dictionaries, struct ArrowArray *batch) {
  for (int32_t i = 0; i < reader->input_count; i++) {
    struct lam_filter_input *input = &reader->inputs[i];
    if (input->stage != stage || input->top < 0) continue;
    input->held = *batch->children[input->index];
    input->is_dictionary = dictionaries && input->as_dictionary;
    batch->children[input->index]->release = NULL;
  }
  lam_array_release(batch);
}

static enum lam_status begin_stage(struct lam_filter_reader *reader, int32_t index, struct lam_error *error) {
  struct lam_filter_stage *stage = &reader->stages[index];
  if (!stage->begun) LAM_TRY(lam_reader_begin(stage->reader, reader->group, error));
  stage->begun = true;
  return LAM_OK;
}

/* Pieces of a stage's columns, plain ones by now, become one. */
static enum lam_status join_pieces(struct lam_filter_reader *reader, int32_t stage, const struct lam_buf *pieces,
                                   int64_t rows, struct ArrowArray *out, struct lam_error *error) {
  const struct ArrowArray *from = (const struct ArrowArray *)(const void *)pieces->data;
  size_t count = pieces->size / sizeof *from, size = (size_t)rows * sizeof(struct lam_row), at = 0;
  void *memory;
  int64_t taken;
  LAM_TRY(lam_alloc(reader->mem, size, &memory, error));
  struct lam_row *places = memory;
  for (size_t i = 0; i < count; i++)
    for (int64_t row = 0; row < from[i].length; row++) places[at++] = (struct lam_row){(uint32_t)i, (uint32_t)row};
  enum lam_status status = lam_take(reader->mem, &reader->stages[stage].schema, from, (uint32_t)count, places, rows,
                                    UINT64_MAX, &taken, out, error);
  lam_free(reader->mem, memory, size);
  return status;
}

/* The inputs of a piece as plain columns: pieces of dictionaries cannot be
 * joined. */
static enum lam_status make_plain(struct lam_filter_reader *reader, int32_t stage, struct ArrowArray *piece,
                                  struct lam_error *error) {
  for (int32_t i = 0; i < reader->input_count; i++) {
    const struct lam_filter_input *input = &reader->inputs[i];
    if (input->stage != stage || input->top < 0 || !input->as_dictionary) continue;
    struct ArrowArray plain;
    LAM_TRY(lam_dictionary_decode(reader->mem, &input->dictionary, piece->children[input->index], NULL, &plain, error));
    *piece->children[input->index] = plain;
  }
  return LAM_OK;
}

static enum lam_status read_pieces(struct lam_filter_reader *reader, int32_t stage, struct lam_buf *pieces,
                                   int64_t rows, struct ArrowArray *out, struct lam_error *error) {
  while (reader->of_stage.given < rows) {
    LAM_TRY(lam_buf_room(pieces, sizeof *out, error));
    struct ArrowArray *piece = (struct ArrowArray *)(void *)(pieces->data + pieces->size);
    LAM_TRY(read_piece(reader, reader->stages[stage].reader, &reader->stages[stage].form, &reader->of_stage, NULL,
                       piece, error));
    pieces->size += sizeof *piece;
  }
  struct ArrowArray *first = (struct ArrowArray *)(void *)pieces->data;
  size_t count = pieces->size / sizeof *first;
  if (count == 1) {
    *out = *first;
    first->release = NULL;
    hold_inputs(reader, stage, true, out);
    return LAM_OK;
  }
  for (size_t i = 0; i < count; i++) LAM_TRY(make_plain(reader, stage, first + i, error));
  LAM_TRY(join_pieces(reader, stage, pieces, rows, out, error));
  hold_inputs(reader, stage, false, out);
  return LAM_OK;
}

/* A later stage's columns of the `rows` rows chosen so far. */
static enum lam_status read_stage(struct lam_filter_reader *reader, int32_t stage, int64_t rows,
                                  struct lam_error *error) {
  struct lam_buf pieces;
  struct ArrowArray batch;
  LAM_TRY(begin_stage(reader, stage, error));
  LAM_TRY(begin_reading(reader, reader->stages[stage].reader, &reader->of_stage, error));
  lam_buf_init(&pieces, reader->mem);
  enum lam_status status = read_pieces(reader, stage, &pieces, rows, &batch, error);
  for (size_t i = 0; i < pieces.size / sizeof batch; i++)
    lam_array_release((struct ArrowArray *)(void *)pieces.data + i);
  lam_buf_release(&pieces);
  return status;
}

/* ---- windows: evaluating ---- */

static const struct ArrowSchema *schema_of(const struct lam_filter_input *input) {
  return input->is_dictionary ? &input->dictionary : &input->plain;
}

/* One value as the entry of a dictionary, which every row has the index 0 of.
 */
static enum lam_status constant_array(struct lam_filter_reader *reader, struct lam_filter_input *input, int64_t rows,
                                      struct ArrowArray *out, struct lam_error *error) {
  const struct lam_scalar *value = input->constant;
  struct lam_builder builder;
  struct ArrowArray entry = {.release = NULL};
  struct lam_shared *buffers[2] = {NULL, NULL};
  LAM_TRY(lam_builder_init(&builder, reader->mem, &value->type, error));
  enum lam_status status;
  if (value->type.id == LAM_TYPE_BOOL)
    status = lam_builder_bool(&builder, value->value.i != 0, error);
  else if (lam_type_is_binary(value->type.id))
    status = lam_builder_bytes(&builder, value->bytes, error);
  else if (lam_type_is_float(value->type.id) && value->type.id != LAM_TYPE_FLOAT64)
    status = lam_fail(error, LAM_UNSUPPORTED, "a constant column of narrow floats");
  else
    status = lam_builder_fixed(
        &builder, value->type.id == LAM_TYPE_FIXED_BINARY ? (const void *)value->bytes.data : &value->value, error);
  if (status == LAM_OK) status = lam_builder_finish(&builder, &entry, error);
  lam_builder_release(&builder);
  if (status == LAM_OK) status = lam_shared_create(reader->mem, (size_t)rows * 4 + 1, &buffers[1], error);
  if (status == LAM_OK) {
    memset(buffers[1]->data, 0, (size_t)rows * 4);
    status = lam_array_init(rows, 0, 2, buffers, &entry, out, error);
  }
  lam_shared_release(buffers[1]);
  lam_array_release(&entry);
  return status;
}

/* An input as its child of the filter's schema is; *own where the array is to
 * be released after use. */
static enum lam_status evaluator_child(struct lam_filter_reader *reader, struct lam_filter_input *input, int64_t rows,
                                       struct ArrowArray *out, bool *own, struct lam_error *error) {
  *own = true;
  if (input->top < 0 && input->constant && !input->constant->is_null)
    return constant_array(reader, input, rows, out, error);
  if (input->top < 0)
    return lam_array_nulls(reader->mem, reader->filter.schema->children[input->child], rows, out, error);
  if (input->cast) return lam_cast(reader->mem, &input->plain, &input->held, &input->type, out, error);
  *own = false;
  *out = input->held;
  return LAM_OK;
}

/* Sets reader->bits for `rows` rows of all inputs that have been read up to the
 * stage. */
static enum lam_status evaluate(struct lam_filter_reader *reader, int32_t stage, int64_t rows, int64_t *selected,
                                struct lam_error *error) {
  enum lam_status status = LAM_OK;
  int32_t made = 0;
  for (; status == LAM_OK && made < reader->input_count; made++) {
    struct lam_filter_input *input = &reader->inputs[made];
    bool own = false;
    if (input->stage <= stage && input->last >= stage)
      status = evaluator_child(reader, input, rows, &reader->children[input->child], &own, error);
    input->own_child = own && status == LAM_OK;
  }
  if (status == LAM_OK) status = lam_buf_reset(&reader->bits, (size_t)(rows + 7) / 8 + 8, error);
  reader->batch.length = rows;
  if (status == LAM_OK)
    status =
        lam_evaluate_condition(reader->stages[stage].evaluator, &reader->batch, reader->bits.data, selected, error);
  for (int32_t i = 0; i < made; i++) {
    struct lam_filter_input *input = &reader->inputs[i];
    if (input->own_child) lam_array_release(&reader->children[input->child]);
    reader->children[input->child].release = NULL;
  }
  return status;
}

/* Keeps of every input that is read and still of use the rows chosen. */
static enum lam_status filter_inputs(struct lam_filter_reader *reader, int32_t stage,
                                     const struct lam_selection *selection, struct lam_error *error) {
  for (int32_t i = 0; i < reader->input_count; i++) {
    struct lam_filter_input *input = &reader->inputs[i];
    if (input->top < 0 || !input->held.release) continue;
    if (input->last <= stage && input->output < 0) {
      lam_array_release(&input->held);
      continue;
    }
    struct ArrowArray chosen;
    LAM_TRY(lam_filter_array(reader->mem, schema_of(input), &input->held, selection, &input->kept[0], &chosen, error));
    input->held = chosen;
  }
  return LAM_OK;
}

/* Evaluates a stage on the rows chosen so far, and leaves those selected in reader->chosen. */
static enum lam_status select_rows(struct lam_filter_reader *reader, int32_t stage, struct lam_error *error) {
  struct lam_selection selection;
  int64_t rows = reader->chosen.count, selected;
  LAM_TRY(evaluate(reader, stage, rows, &selected, error));
  LAM_TRY(lam_selection_of_bits(reader->bits.data, rows, selected, &reader->indices, &selection, error));
  LAM_TRY(filter_inputs(reader, stage, &selection, error));
  return lam_selection_compose(&reader->chosen, &selection, &reader->places[stage & 1], &reader->chosen, error);
}

static void drop_inputs(struct lam_filter_reader *reader) {
  for (int32_t i = 0; i < reader->input_count; i++) lam_array_release(&reader->inputs[i].held);
}

/* Reads and evaluates the next window; later stages read their columns only for the rows that those before have left.
 */
static enum lam_status next_window(struct lam_filter_reader *reader, struct lam_error *error) {
  int64_t taken;
  struct ArrowArray batch;
  drop_inputs(reader);
  LAM_TRY(begin_stage(reader, 0, error));
  LAM_TRY(lam_reader_read(reader->stages[0].reader, reader->left.at, reader->left.count, &taken, &batch, error));
  hold_inputs(reader, 0, true, &batch);
  lam_ranges_clear(&reader->window);
  LAM_TRY(lam_rows_first(&reader->left, taken, &reader->window, error));
  lam_rows_advance(&reader->left, taken);
  reader->counts.rows_evaluated += (uint64_t)taken;
  reader->chosen = (struct lam_selection){.rows = taken, .count = taken};
  LAM_TRY(select_rows(reader, 0, error));
  for (int32_t s = 1; s < reader->stage_count && reader->chosen.count > 0; s++) {
    if (reader->stages[s].reader) LAM_TRY(read_stage(reader, s, reader->chosen.count, error));
    LAM_TRY(select_rows(reader, s, error));
  }
  reader->held_first = 0;
  reader->held_rows = reader->chosen.count;
  if (reader->held_rows == 0 || !reader->rest) return LAM_OK;
  return begin_reading(reader, reader->rest, &reader->of_rest, error);
}

/* ---- batches ---- */

/* Rows [first, first + rows) of an input as a column of the batches. */
static enum lam_status output_array(struct lam_filter_reader *reader, struct lam_filter_input *input, int64_t first,
                                    int64_t rows, struct ArrowArray *out, struct lam_error *error) {
  struct ArrowArray slice;
  bool wanted = reader->schema.children[input->output]->dictionary != NULL;
  LAM_TRY(lam_array_share(&input->held, first, rows, &slice, error));
  if (wanted == input->is_dictionary) {
    *out = slice;
    return LAM_OK;
  }
  if (wanted) return lam_dictionary_of_rows(reader->mem, &slice, out, error);
  return lam_dictionary_decode(reader->mem, &input->dictionary, &slice, &input->kept[1], out, error);
}

static enum lam_status fill_batch(struct lam_filter_reader *reader, int64_t rows, struct ArrowArray *rest,
                                  struct ArrowArray *out, struct lam_error *error) {
  LAM_TRY(lam_array_init_struct(rows, reader->column_count, out, error));
  for (int32_t i = 0; i < reader->column_count; i++) {
    if (reader->from_rest[i] < 0) continue;
    assert(out->children && rest->children);
    *out->children[i] = *rest->children[reader->from_rest[i]];
    rest->children[reader->from_rest[i]]->release = NULL;
  }
  for (int32_t i = 0; i < reader->input_count; i++) {
    struct lam_filter_input *input = &reader->inputs[i];
    if (input->output < 0) continue;
    LAM_TRY(output_array(reader, input, reader->held_first, rows, out->children[input->output], error));
  }
  reader->held_first += rows;
  reader->counts.rows_selected += (uint64_t)rows;
  return LAM_OK;
}

/* The next of the chosen rows of the columns that no condition names. */
static enum lam_status read_rest(struct lam_filter_reader *reader, struct ArrowArray *out, struct lam_error *error) {
  enum lam_status status = LAM_OK;
  if (!reader->rest_begun) LAM_TRY(lam_reader_begin(reader->rest, reader->group, error));
  reader->rest_begun = true;
  LAM_TRY(read_piece(reader, reader->rest, &reader->rest_form, &reader->of_rest, reader->rest_kept, out, error));
  for (int64_t i = 0; status == LAM_OK && i < out->n_children; i++) {
    struct lam_rest_column *column = &reader->rest_columns[i];
    struct ArrowArray plain;
    if (!column->as_dictionary) continue;
    status = lam_dictionary_decode(reader->mem, &column->dictionary, out->children[i],
                                   &reader->rest_kept[i + out->n_children], &plain, error);
    if (status == LAM_OK) *out->children[i] = plain;
  }
  if (status != LAM_OK) lam_array_release(out);
  return status;
}

/* The next batch of the window under way, which has rows left. */
static enum lam_status next_piece(struct lam_filter_reader *reader, struct ArrowArray *out, struct lam_error *error) {
  struct ArrowArray rest = {.release = NULL};
  int64_t rows = reader->held_rows - reader->held_first;
  struct lam_rows window = lam_rows_of(&reader->window);
  int64_t first = reader->held_first;
  reader->row =
      lam_rows_at(&window, reader->chosen.indices ? reader->chosen.indices[first] : reader->chosen.first + first);
  if (reader->rest) {
    LAM_TRY(read_rest(reader, &rest, error));
    rows = rest.length;
  }
  enum lam_status status = fill_batch(reader, rows, &rest, out, error);
  lam_array_release(&rest);
  if (status != LAM_OK && out->release) lam_array_release(out);
  if (reader->held_first == reader->held_rows) drop_inputs(reader);
  return status;
}

/* Begins the next row group that has rows to look at; *done where there is none. */
static enum lam_status begin_next(struct lam_filter_reader *reader, bool *done, struct lam_error *error) {
  *done = false;
  while (!reader->in_group || reader->left.count == 0) {
    reader->in_group = false;
    *done = reader->next_group == reader->row_group_count;
    if (*done) return LAM_OK;
    LAM_TRY(begin_group(reader, error));
  }
  return LAM_OK;
}

static enum lam_status next_batch(struct lam_filter_reader *reader, struct ArrowArray *out, struct lam_error *error) {
  for (;;) {
    bool done;
    if (reader->held_first < reader->held_rows) return next_piece(reader, out, error);
    LAM_TRY(begin_next(reader, &done, error));
    if (done) return LAM_OK;
    int64_t rows;
    if (!reader->evaluates) {
      reader->row = reader->left.at->first;
      LAM_TRY(lam_reader_read(reader->whole, reader->left.at, reader->left.count, &rows, out, error));
      lam_rows_advance(&reader->left, rows);
      reader->counts.rows_selected += (uint64_t)rows;
      return LAM_OK;
    }
    LAM_TRY(next_window(reader, error));
  }
}

enum lam_status lam_filter_reader_next(struct lam_filter_reader *reader, struct ArrowArray *out,
                                       struct lam_error *error) {
  out->release = NULL;
  if (reader->failed)
    return lam_fail(error, LAM_INVALID, "%s: its reader has failed and gives no more batches",
                    lam_file_name(reader->file));
  enum lam_status status = next_batch(reader, out, error);
  reader->failed = status != LAM_OK;
  return status;
}

/* The rows of the next window that are selected, or of a row group all of whose candidates are. */
static enum lam_status next_rows(struct lam_filter_reader *reader, struct lam_ranges *out, struct lam_error *error) {
  if (reader->evaluates) {
    LAM_TRY(next_window(reader, error));
    struct lam_rows window = lam_rows_of(&reader->window);
    if (reader->held_rows) LAM_TRY(lam_rows_choose(&window, &reader->chosen, out, error));
    reader->counts.rows_selected += (uint64_t)reader->held_rows;
    reader->held_rows = 0;
    drop_inputs(reader);
    return LAM_OK;
  }
  for (size_t i = 0; i < reader->left.count; i++)
    LAM_TRY(lam_ranges_add(out, reader->left.at[i].first, reader->left.at[i].end, error));
  reader->counts.rows_selected += (uint64_t)lam_ranges_total(out);
  reader->left.count = 0;
  return LAM_OK;
}

enum lam_status lam_filter_reader_rows(struct lam_filter_reader *reader, struct lam_ranges *out,
                                       struct lam_error *error) {
  assert(reader->column_count == 0);
  lam_ranges_clear(out);
  while (lam_ranges_count(out) == 0) {
    bool done;
    LAM_TRY(begin_next(reader, &done, error));
    if (done) return LAM_OK;
    LAM_TRY(next_rows(reader, out, error));
  }
  return LAM_OK;
}
