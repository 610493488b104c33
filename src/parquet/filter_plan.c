/* What is to be read and asked when: the parts of an AND become stages, the
 * cheapest columns first, and a part goes to the first stage at which all
 * columns that it names have been read. */
#include <assert.h>
#include <inttypes.h>

#include "arrow/cast.h"
#include "parquet/filter_state.h"

/* ---- the columns that an expression names ---- */

struct named {
  struct lam_filter_reader *reader;
  uint8_t *columns; /* of the schema: 1 where it is named */
};

static void note_column(void *user, const struct lam_expr *column) {
  struct named *named = user;
  named->columns[column->path[0]] = 1;
}

/* Bytes of a column's chunks, which is what reading it costs. */
static uint64_t cost_of(const struct lam_filter_reader *reader, int32_t top) {
  const struct lam_file_meta *meta = lam_file_meta(reader->file);
  if (top < 0) return 0;
  int32_t first = lam_top_node(meta, top),
          end = top + 1 < lam_top_columns(meta) ? lam_top_node(meta, top + 1) : meta->node_count;
  uint64_t cost = 0;
  for (int32_t node = first; node < end; node++)
    for (int32_t g = 0; meta->nodes[node].leaf >= 0 && g < meta->row_group_count; g++) {
      const struct lam_chunk_meta *chunk = &meta->row_groups[g].chunks[meta->nodes[node].leaf];
      cost += chunk->uncompressed_size > 0 ? (uint64_t)chunk->uncompressed_size : 0;
    }
  return cost;
}

/* ---- parts ---- */

struct part {
  const struct lam_expr *condition;
  uint8_t *columns;
  uint64_t cost; /* of its columns */
  int32_t stage;
};

static enum lam_status find_parts(struct lam_filter_reader *reader, struct part **out, int32_t *count,
                                  struct lam_error *error) {
  const struct lam_expr *condition = reader->filter.condition;
  bool is_and = condition->kind == LAM_EXPR_AND;
  size_t columns = (size_t)reader->filter.schema->n_children;
  void *memory;
  *count = is_and ? condition->count : 1;
  LAM_TRY(lam_arena_array(&reader->arena, (size_t)*count, sizeof **out, &memory, error));
  *out = memory;
  for (int32_t i = 0; i < *count; i++) {
    struct part *part = &(*out)[i];
    *part = (struct part){.condition = is_and ? condition->arguments[i] : condition, .stage = -1};
    LAM_TRY(lam_arena_alloc(&reader->arena, columns + 1, &memory, error));
    part->columns = memset(memory, 0, columns + 1);
    lam_expr_columns(part->condition, note_column, &(struct named){reader, part->columns});
    for (size_t c = 0; c < columns; c++)
      if (part->columns[c]) part->cost += cost_of(reader, reader->filter.sources[c]);
  }
  return LAM_OK;
}

static bool all_read(const struct part *part, const uint8_t *read, size_t columns) {
  for (size_t c = 0; c < columns; c++)
    if (part->columns[c] && !read[c]) return false;
  return true;
}

/* Gives every part its stage: the cheapest part is next, with all others that
 * need no column beyond. The last stage takes what is left. */
static enum lam_status assign_stages(struct lam_filter_reader *reader, struct part *parts, int32_t count,
                                     struct lam_error *error) {
  size_t columns = (size_t)reader->filter.schema->n_children;
  void *memory;
  LAM_TRY(lam_arena_alloc(&reader->arena, columns + 1, &memory, error));
  uint8_t *read = memset(memory, 0, columns + 1);
  int32_t stage = 0;
  for (int32_t left = count; left > 0; stage++) {
    const struct part *cheapest = NULL;
    for (int32_t i = 0; i < count; i++)
      if (parts[i].stage < 0 && (!cheapest || parts[i].cost < cheapest->cost)) cheapest = &parts[i];
    assert(cheapest); /* `left` parts have no stage yet */
    bool last = stage == LAM_MOST_STAGES - 1;
    for (size_t c = 0; c < columns; c++) read[c] |= cheapest->columns[c];
    for (int32_t i = 0; i < count; i++) {
      if (parts[i].stage >= 0 || !(last || all_read(&parts[i], read, columns))) continue;
      parts[i].stage = stage;
      left--;
    }
  }
  reader->stage_count = stage;
  return LAM_OK;
}

/* The parts of a stage as one condition. */
static enum lam_status join_parts(struct lam_filter_reader *reader, const struct part *parts, int32_t count,
                                  int32_t stage, struct lam_error *error) {
  void *memory;
  LAM_TRY(lam_arena_array(&reader->arena, (size_t)count, sizeof(const struct lam_expr *), &memory, error));
  const struct lam_expr **arguments = memory;
  int32_t found = 0;
  for (int32_t i = 0; i < count; i++)
    if (parts[i].stage == stage) arguments[found++] = parts[i].condition;
  reader->stages[stage].condition = arguments[0];
  if (found == 1) return LAM_OK;
  LAM_TRY(lam_arena_alloc(&reader->arena, sizeof(struct lam_expr), &memory, error));
  struct lam_expr *joined = memory;
  *joined = *reader->filter.condition; /* an AND, of fewer arguments */
  joined->count = found;
  joined->arguments = arguments;
  reader->stages[stage].condition = joined;
  return LAM_OK;
}

/* ---- inputs ---- */

/* The stage that is the first to name column `c`, and the last one; false where
 * none does. */
static bool stages_of(const struct part *parts, int32_t count, int64_t c, int32_t *first, int32_t *last) {
  *first = INT32_MAX;
  *last = -1;
  for (int32_t i = 0; i < count; i++) {
    if (!parts[i].columns[c]) continue;
    if (parts[i].stage < *first) *first = parts[i].stage;
    if (parts[i].stage > *last) *last = parts[i].stage;
  }
  return *last >= 0;
}

/* Of one name but two field ids are two fields. */
static bool same_field(const struct ArrowSchema *a, const struct ArrowSchema *b) {
  int32_t x = lam_schema_field_id(a), y = lam_schema_field_id(b);
  return strcmp(a->name, b->name) == 0 && (x < 0 || y < 0 || x == y);
}

static bool same_type(const struct ArrowSchema *a, const struct ArrowSchema *b) {
  if (strcmp(a->format, b->format) != 0 || a->n_children != b->n_children) return false;
  for (int64_t i = 0; i < a->n_children; i++)
    if (!same_field(a->children[i], b->children[i]) || !same_type(a->children[i], b->children[i])) return false;
  return true;
}

/* The column of the batches that is column `top` of the file just as an input
 * is; each input is one at most. */
static int32_t output_of(const struct lam_filter_reader *reader, const struct lam_filter_input *input) {
  for (int32_t i = 0; i < reader->column_count; i++) {
    if (reader->tops[i] != input->top) continue;
    const struct ArrowSchema *schema = reader->schema.children[i];
    return same_type(schema->dictionary ? schema->dictionary : schema, &input->plain) ? i : -1;
  }
  return -1;
}

/* The schema of a plain column where it comes as a dictionary; released where it cannot. */
static enum lam_status dictionary_schema(const struct ArrowSchema *plain, struct ArrowSchema *out,
                                         struct lam_error *error) {
  struct lam_type type;
  struct ArrowSchema values;
  LAM_TRY(lam_type_parse(plain, &type, error));
  bool never = lam_type_is_nested(type.id) || type.id == LAM_TYPE_BOOL || type.id == LAM_TYPE_NULL;
  if (plain->dictionary || never) return LAM_OK;
  LAM_TRY(lam_schema_copy(plain, &values, error));
  enum lam_status status = lam_schema_as_dictionary(&values, out, error);
  if (status != LAM_OK) lam_schema_release(&values);
  return status;
}

static enum lam_status init_input(struct lam_filter_reader *reader, struct lam_filter_input *input,
                                  struct lam_error *error) {
  const struct ArrowSchema *wanted = reader->filter.schema->children[input->child];
  struct lam_type type;
  LAM_TRY(lam_type_parse(wanted, &input->type, error));
  if (input->top < 0) return LAM_OK;
  const struct lam_read_options options = {.struct_size = sizeof options, .columns = &input->top, .column_count = 1};
  struct lam_reader *one; /* for its schema */
  LAM_TRY(lam_reader_open_in(reader->file, &options, reader->mem, &one, error));
  struct ArrowSchema schema;
  enum lam_status status = lam_reader_schema(one, &schema, error);
  lam_reader_close(one);
  if (status != LAM_OK) return status;
  input->plain = *schema.children[0];
  schema.children[0]->release = NULL;
  lam_schema_release(&schema);
  LAM_TRY(lam_type_parse(&input->plain, &type, error));
  bool nested = lam_type_is_nested(type.id) || lam_type_is_nested(input->type.id);
  input->cast = !nested && !lam_type_equal(&type, &input->type);
  if (nested && !same_type(&input->plain, wanted))
    return lam_fail(error, LAM_UNSUPPORTED, "a condition on column \"%s\", which is nested in another way in %s",
                    wanted->name, lam_file_name(reader->file));
  input->output = output_of(reader, input);
  return input->cast ? LAM_OK : dictionary_schema(&input->plain, &input->dictionary, error);
}

static enum lam_status find_inputs(struct lam_filter_reader *reader, const struct part *parts, int32_t count,
                                   struct lam_error *error) {
  const struct lam_filter *filter = &reader->filter;
  size_t columns = (size_t)filter->schema->n_children;
  int32_t places[LAM_MOST_STAGES] = {0};
  void *memory;
  LAM_TRY(lam_arena_array(&reader->arena, columns + 1, sizeof *reader->inputs, &memory, error));
  reader->inputs = memset(memory, 0, (columns + 1) * sizeof *reader->inputs);
  for (int64_t c = 0; c < filter->schema->n_children; c++) {
    int32_t first, last;
    if (!stages_of(parts, count, c, &first, &last)) continue;
    struct lam_filter_input *input = &reader->inputs[reader->input_count++];
    input->child = (int32_t)c;
    input->top = filter->sources[c];
    input->constant = filter->constants ? filter->constants[c] : NULL;
    input->stage = first;
    input->last = last;
    input->output = -1;
    if (input->top >= 0) input->index = places[first]++;
    LAM_TRY(init_input(reader, input, error));
  }
  return LAM_OK;
}

/* ---- readers ---- */

static enum lam_status open_reader(struct lam_filter_reader *reader, const int32_t *columns, int32_t count, bool output,
                                   struct lam_reader **out, struct lam_error *error) {
  struct lam_read_options options = reader->options;
  struct lam_reader_mode mode = {.one_thread = reader->one_thread};
  options.columns = columns;
  options.column_count = count;
  options.row_groups = &(int32_t){0};
  options.row_group_count = lam_file_row_groups(reader->file) > 0 ? 1 : 0;
  if (!output) {
    options.dictionaries = false;
    options.leaves = NULL;
    options.leaf_count = 0;
  }
  return lam_reader_open_as(reader->file, &options, &mode, reader->mem, out, error);
}

static enum lam_status open_stage(struct lam_filter_reader *reader, int32_t index, struct lam_error *error) {
  struct lam_filter_stage *stage = &reader->stages[index];
  int32_t count = 0;
  void *memory;
  LAM_TRY(lam_arena_array(&reader->arena, (size_t)reader->input_count + 1, sizeof(int32_t), &memory, error));
  int32_t *columns = memory;
  for (int32_t i = 0; i < reader->input_count; i++)
    if (reader->inputs[i].stage == index && reader->inputs[i].top >= 0) columns[count++] = reader->inputs[i].top;
  LAM_TRY(lam_evaluator_open(reader->mem, stage->condition, reader->filter.schema, &stage->evaluator, error));
  if (count == 0 && index > 0) return LAM_OK;
  LAM_TRY(open_reader(reader, columns, count, false, &stage->reader, error));
  LAM_TRY(lam_arena_array(&reader->arena, (size_t)count + 1, sizeof *stage->form_schemas, &memory, error));
  stage->form_schemas = memory;
  stage->form = (struct ArrowSchema){.format = "+s", .n_children = count, .children = stage->form_schemas};
  return lam_reader_schema(stage->reader, &stage->schema, error);
}

static enum lam_status open_rest(struct lam_filter_reader *reader, struct lam_error *error) {
  int32_t count = 0;
  void *memory;
  LAM_TRY(lam_arena_array(&reader->arena, (size_t)reader->column_count + 1, sizeof(int32_t), &memory, error));
  int32_t *columns = memory;
  for (int32_t i = 0; i < reader->column_count; i++) reader->from_rest[i] = 0;
  for (int32_t i = 0; i < reader->input_count; i++)
    if (reader->inputs[i].output >= 0) reader->from_rest[reader->inputs[i].output] = -1;
  for (int32_t i = 0; i < reader->column_count; i++) {
    if (reader->from_rest[i] < 0) continue;
    reader->from_rest[i] = count;
    columns[count++] = reader->tops[i];
  }
  if (count == 0) return LAM_OK;
  LAM_TRY(open_reader(reader, columns, count, true, &reader->rest, error));
  LAM_TRY(lam_reader_schema(reader->rest, &reader->rest_schema, error));
  LAM_TRY(lam_arena_array(&reader->arena, 2 * (size_t)count, sizeof *reader->rest_kept, &memory, error));
  reader->rest_kept = memset(memory, 0, 2 * (size_t)count * sizeof *reader->rest_kept);
  LAM_TRY(lam_arena_array(&reader->arena, (size_t)count, sizeof *reader->rest_columns, &memory, error));
  reader->rest_columns = memset(memory, 0, (size_t)count * sizeof *reader->rest_columns);
  LAM_TRY(lam_arena_array(&reader->arena, (size_t)count, sizeof *reader->rest_forms, &memory, error));
  reader->rest_forms = memory;
  reader->rest_form = (struct ArrowSchema){.format = "+s", .n_children = count, .children = reader->rest_forms};
  for (int32_t i = 0; i < count; i++)
    LAM_TRY(dictionary_schema(reader->rest_schema.children[i], &reader->rest_columns[i].dictionary, error));
  return LAM_OK;
}

/* The struct array that evaluators are given: its children are borrowed from
 * the inputs. */
static void release_nothing(struct ArrowArray *array) {
  array->release = NULL;
}

static enum lam_status init_batch(struct lam_filter_reader *reader, struct lam_error *error) {
  static const void *no_buffer;
  size_t count = (size_t)reader->filter.schema->n_children;
  void *memory;
  LAM_TRY(lam_arena_array(&reader->arena, count + 1, sizeof *reader->children, &memory, error));
  reader->children = memset(memory, 0, (count + 1) * sizeof *reader->children);
  LAM_TRY(lam_arena_array(&reader->arena, count + 1, sizeof *reader->child_pointers, &memory, error));
  reader->child_pointers = memory;
  for (size_t i = 0; i < count; i++) reader->child_pointers[i] = &reader->children[i];
  reader->batch = (struct ArrowArray){.n_buffers = 1,
                                      .buffers = &no_buffer,
                                      .n_children = (int64_t)count,
                                      .children = reader->child_pointers,
                                      .release = release_nothing};
  return LAM_OK;
}

enum lam_status lam_filter_plan(struct lam_filter_reader *reader, struct lam_error *error) {
  const struct lam_filter *filter = &reader->filter;
  struct part *parts;
  int32_t count;
  LAM_TRY(open_reader(reader, reader->tops, reader->column_count, true, &reader->whole, error));
  LAM_TRY(lam_reader_schema(reader->whole, &reader->schema, error));
  if (!filter->condition) return LAM_OK;
  LAM_TRY(find_parts(reader, &parts, &count, error));
  LAM_TRY(assign_stages(reader, parts, count, error));
  for (int32_t i = 0; i < reader->stage_count; i++) LAM_TRY(join_parts(reader, parts, count, i, error));
  LAM_TRY(find_inputs(reader, parts, count, error));
  for (int32_t i = 0; i < reader->stage_count; i++) LAM_TRY(open_stage(reader, i, error));
  LAM_TRY(init_batch(reader, error));
  LAM_TRY(open_rest(reader, error));
  return lam_prune_open(reader->file, filter->condition, filter->schema, filter->sources, filter->constants,
                        reader->mem, &reader->prune, error);
}

void lam_filter_unplan(struct lam_filter_reader *reader) {
  for (int32_t i = 0; i < reader->stage_count; i++) {
    lam_reader_close(reader->stages[i].reader);
    lam_evaluator_close(reader->stages[i].evaluator);
    lam_schema_release(&reader->stages[i].schema);
  }
  for (int32_t i = 0; i < reader->input_count; i++) {
    struct lam_filter_input *input = &reader->inputs[i];
    lam_array_release(&input->held);
    lam_schema_release(&input->plain);
    lam_schema_release(&input->dictionary);
    for (int k = 0; k < 2; k++) lam_filter_buffers_release(&input->kept[k]);
  }
  for (int64_t i = 0; reader->rest_columns && i < reader->rest_form.n_children; i++) {
    lam_schema_release(&reader->rest_columns[i].dictionary);
    for (int k = 0; k < 2; k++) lam_filter_buffers_release(&reader->rest_kept[i + k * reader->rest_form.n_children]);
  }
  lam_schema_release(&reader->rest_schema);
  lam_reader_close(reader->rest);
  lam_reader_close(reader->whole);
  lam_prune_close(reader->prune);
}
