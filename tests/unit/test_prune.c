#include <dirent.h>
#include <math.h>

#include "arrow/cast.h"
#include "condition_support.h"
#include "parquet/prune_state.h"
#include "parquet/writer.h"
#include "store/memory.h"

enum { FILES = 360, CONDITIONS = 40, MOST_ROWS = 300 };

/* ---- random files ---- */

/* A file, the rows in it, and the schema that conditions are bound to, which may be wider. */
struct table {
  struct lam_store *store;
  struct lam_file *file;
  struct lam_arena arena;
  struct columns columns; /* of the wide schema; the last may be missing in the file */
  struct ArrowSchema narrow, wide;
  struct ArrowArray written, rows;
  int32_t sources[MOST_COLUMNS];
  const struct lam_scalar *constants[MOST_COLUMNS];
  struct lam_scalar constant;
  bool nested; /* the columns are members of a struct "s", which may be NULL */
};

static void random_options(uint64_t *seed, const struct table *table, struct lam_write_options *options,
                           struct lam_column_options *columns) {
  static const char *const names[2][MOST_COLUMNS] = {{"c0", "c1", "c2", "c3"}, {"s.c0", "s.c1", "s.c2", "s.c3"}};
  static const int encodings[] = {LAM_ENCODE_DEFAULT, LAM_ENCODE_PLAIN, LAM_ENCODE_DEFAULT};
  int count = (int)table->narrow.n_children;
  if (table->nested) count = (int)table->narrow.children[0]->n_children;
  for (int c = 0; c < count; c++) {
    bool boolean = strcmp(table->columns.pools[c]->type, "bool") == 0;
    columns[c] =
        (struct lam_column_options){.name = names[table->nested][c],
                                    .codec = below(seed, 2) ? LAM_WRITE_NONE : LAM_WRITE_DEFAULT,
                                    .encoding = encodings[below(seed, 3)],
                                    .no_statistics = below(seed, 10) == 0,
                                    .bloom = below(seed, 2) && !boolean ? LAM_BLOOM_ALWAYS : LAM_BLOOM_DEFAULT};
  }
  options->columns = columns;
  options->column_count = count;
  options->row_group_rows = 1 + below(seed, 150);
  options->page_rows = 1 + below(seed, 30);
  options->data_page_v2 = below(seed, 2);
  if (below(seed, 3) == 0) options->dictionary_bytes = 1 + below(seed, 60);
  options->no_sync = true;
}

static void write_file(struct table *table, const struct lam_write_options *options, struct lam_store *store) {
  struct lam_writer *writer;
  OK(lam_writer_open_in(store, "file", &table->narrow, options, mem, &writer, &error));
  if (table->written.length > 0) OK(lam_writer_write(writer, &table->written, &error));
  OK(lam_writer_finish(writer, NULL, &error));
  lam_writer_close(writer);
}

/* Types that a table with other files could have. */
static const struct {
  const char *from, *to;
} widenings[] = {
    {"int8", "int64"},
    {"int16", "int32"},
    {"int32", "double"},
    {"uint8", "int16"},
    {"uint32", "int64"},
    {"float", "double"},
    {"decimal(5,2)", "decimal(38,2)"},
    {"time32[ms]", "time64[ns]"},
    {"float16", "float"},
    {"uint16", "uint64"},
    {"timestamp[ms]", "timestamp[us]"},
    {"decimal(30,4)", "decimal(60,4)"},
};

static void forget_array(struct ArrowArray *array) {
  array->release = NULL;
}

static void widen(uint64_t *seed, struct table *table, int c) {
  struct ArrowSchema *from = table->narrow.children[c];
  struct lam_type type = type_of(table->columns.pools[c]->type);
  bool wider = false;
  for (size_t i = 0; i < sizeof widenings / sizeof *widenings && below(seed, 2) == 0; i++) {
    if (strcmp(widenings[i].from, table->columns.pools[c]->type) != 0) continue;
    type = type_of(widenings[i].to);
    wider = true;
    break;
  }
  OK(lam_schema_init(&type, from->name, true, table->wide.children[c], &error));
  if (wider) {
    OK(lam_cast(mem, from, table->written.children[c], &type, table->rows.children[c], &error));
    return;
  }
  *table->rows.children[c] = *table->written.children[c];
  table->rows.children[c]->release = forget_array; /* `written` has it */
}

/* The last column is not in the file: NULL there, or a value of the path. */
static void add_missing(uint64_t *seed, struct table *table) {
  int c = table->columns.count - 1;
  const struct pool *pool = table->columns.pools[c];
  struct lam_type type = type_of(pool->type);
  struct lam_builder builder;
  char name[16];
  snprintf(name, sizeof name, "c%d", c);
  table->sources[c] = -1;
  OK(lam_schema_init(&type, name, true, table->wide.children[c], &error));
  OK(lam_builder_init(&builder, mem, &type, &error));
  const char *value = below(seed, 2) ? any_value(seed, pool) : NULL;
  for (int64_t row = 0; row < table->rows.length; row++)
    OK(value ? lam_value_build(&builder, lam_bytes_of_string(value), &error) : lam_builder_null(&builder, &error));
  OK(lam_builder_finish(&builder, table->rows.children[c], &error));
  lam_builder_release(&builder);
  if (!value || table->rows.length == 0) return;
  struct lam_view view;
  OK(lam_view_init(table->wide.children[c], table->rows.children[c], &view, &error));
  OK(lam_scalar_of_view(&view, 0, &table->constant, &error));
  table->constants[c] = &table->constant;
}

/* The columns become members of a struct "s", which is NULL in some rows. */
static void nest(uint64_t *seed, struct table *table) {
  int64_t rows = table->written.length, members = table->narrow.n_children;
  struct ArrowSchema flat = table->narrow;
  struct ArrowArray values = table->written;
  struct lam_shared *validity;
  table->nested = true;
  OK(lam_schema_init_struct("", 1, &table->narrow, &error));
  OK(lam_schema_init_struct("s", members, table->narrow.children[0], &error));
  table->narrow.children[0]->flags |= ARROW_FLAG_NULLABLE;
  OK(lam_shared_create(mem, (size_t)rows / 8 + 1, &validity, &error));
  for (int64_t i = 0; i < rows / 8 + 1; i++) validity->data[i] = i / 3 % 2 ? 0xff : (uint8_t)next_random(seed);
  OK(lam_array_init_struct(rows, 1, &table->written, &error));
  OK(lam_array_init_nested(rows, -1, 1, &validity, members, table->written.children[0], &error));
  lam_shared_release(validity);
  for (int64_t c = 0; c < members; c++) {
    *table->narrow.children[0]->children[c] = *flat.children[c];
    flat.children[c]->release = NULL;
    *table->written.children[0]->children[c] = *values.children[c];
    values.children[c]->release = NULL;
  }
  lam_schema_release(&flat);
  lam_array_release(&values);
  OK(lam_schema_copy(&table->narrow, &table->wide, &error));
  table->rows = table->written;
  table->rows.release = forget_array;
  table->sources[0] = 0;
}

static void make_rows(uint64_t *seed, struct table *table) {
  int rows = below(seed, 10) ? below(seed, MOST_ROWS) : 0;
  random_columns(seed, &table->columns);
  bool nested = below(seed, 5) == 0, missing = !nested && table->columns.count > 1 && below(seed, 4) == 0;
  struct columns in_file = table->columns;
  in_file.count -= missing;
  columns_schema(&in_file, &table->narrow);
  random_batch(seed, &in_file, rows, &table->written);
  column_prefix = nested ? "s." : "";
  if (nested) {
    nest(seed, table);
    return;
  }
  OK(lam_schema_init_struct("", table->columns.count, &table->wide, &error));
  OK(lam_array_init_struct(rows, table->columns.count, &table->rows, &error));
  for (int c = 0; c < in_file.count; c++) {
    table->sources[c] = c;
    widen(seed, table, c);
  }
  if (missing) add_missing(seed, table);
}

static void close_table(struct table *table) {
  lam_file_close(table->file);
  lam_store_close(table->store);
  lam_array_release(&table->rows);
  lam_array_release(&table->written);
  lam_schema_release(&table->narrow);
  lam_schema_release(&table->wide);
  lam_arena_release(&table->arena);
}

/* ---- less than the writer knows ---- */

static struct lam_bytes half(struct lam_bytes bytes) {
  bytes.size /= 2;
  return bytes;
}

static void loosen_statistics(uint64_t *seed, struct lam_chunk_meta *chunk, struct lam_arena *arena) {
  OK(lam_chunk_details_own(chunk, arena, &error));
  struct lam_statistics *statistics = &chunk->details->statistics;
  if (below(seed, 3) == 0) statistics->null_count = -1;
  if (below(seed, 4) == 0) statistics->min = (struct lam_bytes){0};
  if (below(seed, 4) == 0) statistics->max = (struct lam_bytes){0};
  if (below(seed, 2) == 0) statistics->min_exact = statistics->max_exact = false;
  /* Cut, and the maximum not incremented, as some writers do who say that it is not exact. */
  if (chunk->physical == LAM_BYTE_ARRAY && below(seed, 2) == 0) {
    statistics->min_exact = statistics->max_exact = false;
    statistics->min = half(statistics->min);
    statistics->max = half(statistics->max);
  }
}

/* Bounds without an order, of a writer that had none: nonsense, but for the deprecated pair of signed numbers. */
static void distrust(struct lam_file_meta *meta, struct lam_chunk_meta *chunk, int32_t leaf, struct lam_arena *arena) {
  static const uint8_t nonsense[32] = {1, 2, 3};
  const struct lam_schema_node *node = &meta->nodes[meta->leaves[leaf]];
  OK(lam_chunk_details_own(chunk, arena, &error));
  struct lam_statistics *statistics = &chunk->details->statistics;
  bool is_signed = lam_order_of(node) == LAM_ORDERED_SIGNED && node->physical != LAM_FIXED_LEN_BYTE_ARRAY;
  size_t width = (size_t)lam_physical_width(node->physical, node->type_length);
  if (statistics->min.data) {
    statistics->old_min = is_signed ? statistics->min : lam_bytes_of(nonsense, width ? width : 3);
    statistics->old_max = is_signed ? statistics->max : lam_bytes_of(nonsense, width ? width : 3);
  }
  statistics->min = statistics->max = lam_bytes_of(nonsense, width && width < 32 ? width : 3);
}

static void loosen_index(uint64_t *seed, const struct lam_file *file, int32_t group, int32_t leaf,
                         struct lam_arena *arena, struct lam_buf *out, struct lam_chunk_meta *chunk) {
  struct lam_column_index index;
  size_t start = out->size;
  OK(lam_column_index_read(file, group, leaf, arena, &index, &error));
  if (index.count <= 0) return;
  if (below(seed, 3) == 0) index.null_counts = NULL;
  if (below(seed, 3) == 0) index.nan_counts = NULL;
  index.boundary_order = LAM_BOUNDARY_UNORDERED;
  for (int32_t page = 0; page < index.count; page++) {
    int32_t other = below(seed, index.count);
    if (index.null_pages[page]) continue;
    if (chunk->physical == LAM_BYTE_ARRAY && below(seed, 2)) index.min[page] = half(index.min[page]);
    if (!index.null_pages[other] && below(seed, 4) == 0 && chunk->physical == LAM_BYTE_ARRAY &&
        index.max[page].size > 0 && index.max[other].size > 0 && index.max[other].data[0] > index.max[page].data[0])
      index.max[page] = index.max[other];
  }
  OK(lam_column_index_write(&index, out, &error));
  chunk->column_index_offset = (int64_t)start;
  chunk->column_index_length = (int32_t)(out->size - start);
}

static struct lam_bytes float_bytes(struct lam_arena *arena, size_t width, double value) {
  uint8_t *bytes;
  float single = (float)value;
  uint16_t half = lam_half_of_double(value);
  const void *from = width == 8 ? (const void *)&value : width == 4 ? (const void *)&single : &half;
  OK(lam_arena_alloc(arena, width, (void **)&bytes, &error));
  memcpy(bytes, from, width);
  return lam_bytes_of(bytes, width);
}

/* The column index of floats of a writer of IEEE 754 total order, which has pages of NaN only. */
static void index_nans(const struct table *table, int32_t group, int32_t leaf, struct lam_arena *arena,
                       struct lam_buf *out, struct lam_chunk_meta *chunk) {
  const struct lam_file_meta *meta = lam_file_meta(table->file);
  struct lam_offset_index offsets;
  struct lam_column_index index = {0};
  struct lam_view view;
  int64_t row = 0;
  size_t width = (size_t)lam_physical_width(chunk->physical, meta->nodes[meta->leaves[leaf]].type_length);
  OK(lam_offset_index_read(table->file, group, leaf, arena, &offsets, &error));
  if (offsets.count <= 0) return;
  OK(lam_view_init(table->narrow.children[leaf], table->written.children[leaf], &view, &error));
  size_t pages = (size_t)offsets.count;
  index.count = offsets.count;
  OK(lam_arena_array(arena, pages, sizeof *index.null_pages, (void **)&index.null_pages, &error));
  OK(lam_arena_array(arena, pages, sizeof *index.min, (void **)&index.min, &error));
  OK(lam_arena_array(arena, pages, sizeof *index.max, (void **)&index.max, &error));
  OK(lam_arena_array(arena, pages, sizeof *index.null_counts, (void **)&index.null_counts, &error));
  OK(lam_arena_array(arena, pages, sizeof *index.nan_counts, (void **)&index.nan_counts, &error));
  for (int32_t g = 0; g < group; g++) row += meta->row_groups[g].rows;
  for (int32_t page = 0; page < offsets.count; page++) {
    int64_t end = lam_page_end_row(&offsets, page, meta->row_groups[group].rows), rows = 0;
    for (int64_t i = offsets.pages[page].first_row; i < end; i++, rows++) {
      struct lam_scalar value;
      OK(lam_scalar_of_view(&view, row + i, &value, &error));
      index.null_counts[page] += value.is_null;
      index.nan_counts[page] += !value.is_null && isnan(value.value.d);
    }
    bool numbers = index.null_counts[page] + index.nan_counts[page] < rows;
    index.null_pages[page] = index.null_counts[page] == rows;
    index.min[page] = float_bytes(arena, width, numbers ? -(double)INFINITY : (double)NAN);
    index.max[page] = float_bytes(arena, width, numbers ? (double)INFINITY : (double)NAN);
    if (index.null_pages[page]) index.min[page].size = index.max[page].size = 0;
  }
  chunk->column_index_offset = (int64_t)out->size;
  OK(lam_column_index_write(&index, out, &error));
  chunk->column_index_length = (int32_t)((int64_t)out->size - chunk->column_index_offset);
}

/* Writes the file again with another footer, and page indexes behind the data. */
static void loosen(uint64_t *seed, struct table *table) {
  struct lam_file *file = table->file;
  struct lam_file_meta *meta = (struct lam_file_meta *)(uintptr_t)lam_file_meta(file);
  struct lam_output *output;
  struct lam_arena arena;
  struct lam_buf bytes;
  lam_arena_init(&arena, mem);
  lam_buf_init(&bytes, mem);
  OK(lam_buf_reserve(&bytes, lam_file_size(file), &error));
  OK(lam_file_read(file, 0, bytes.data, lam_file_size(file), &error));
  bytes.size = lam_file_size(file);
  bool trusted = below(seed, 5);
  if (!trusted) meta->column_orders = NULL;
  for (int32_t group = 0; group < meta->row_group_count; group++)
    for (int32_t leaf = 0; leaf < meta->leaf_count; leaf++) {
      struct lam_chunk_meta *chunk = &meta->row_groups[group].chunks[leaf];
      if (trusted)
        loosen_statistics(seed, chunk, &arena);
      else
        distrust(meta, chunk, leaf, &arena);
      bool total = trusted && !table->nested && lam_type_is_float(type_of(table->columns.pools[leaf]->type).id);
      if (total) meta->column_orders[leaf] = LAM_ORDER_IEEE754_TOTAL;
      if (total && below(seed, 2))
        index_nans(table, group, leaf, &arena, &bytes, chunk);
      else if (trusted && below(seed, 2))
        loosen_index(seed, file, group, leaf, &arena, &bytes, chunk);
    }
  size_t footer = bytes.size;
  uint8_t end[8] = {0, 0, 0, 0, 'P', 'A', 'R', '1'};
  OK(lam_file_meta_write(meta, &bytes, &error));
  lam_store32(end, (uint32_t)(bytes.size - footer));
  OK(lam_buf_append(&bytes, end, sizeof end, &error));
  OK(table->store->ops->create(table->store, "loose", &output, &error));
  OK(table->store->ops->write(output, bytes.data, bytes.size, &error));
  OK(table->store->ops->close_output(output, &error));
  lam_buf_release(&bytes);
  lam_file_close(file);
  lam_arena_release(&arena);
  OK(lam_file_open_in(table->store, "loose", NULL, mem, &table->file, &error));
}

static void make_table(uint64_t *seed, struct table *table) {
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  struct lam_column_options columns[MOST_COLUMNS];
  *table = (struct table){0};
  lam_arena_init(&table->arena, mem);
  make_rows(seed, table);
  random_options(seed, table, &options, columns);
  OK(lam_store_memory(context, &table->store, &error));
  OK(lam_store_make_directories(table->store, "", &error));
  write_file(table, &options, table->store);
  OK(lam_file_open_in(table->store, "file", NULL, mem, &table->file, &error));
  if (below(seed, 2)) loosen(seed, table);
}

/* ---- brute force ---- */

struct tally {
  int conditions, groups, groups_gone, groups_proved, rows_proved;
  struct lam_prune_counts counts;
};

static void add_counts(struct lam_prune_counts *to, const struct lam_prune_counts *from) {
  const uint64_t *source = (const uint64_t *)(const void *)from;
  for (size_t i = 0; i < sizeof *to / sizeof *source; i++) ((uint64_t *)(void *)to)[i] += source[i];
}

static void check_group(struct lam_prune *prune, int32_t group, const uint8_t *outcomes, int64_t rows, const char *text,
                        struct tally *tally) {
  unsigned decided, found = 0;
  struct lam_ranges ranges;
  bool all;
  for (int64_t row = 0; row < rows; row++) found |= outcomes[row];
  OK(lam_prune_group(prune, group, &decided, &error));
  if (found & ~decided) fail_msg("%s: row group %d is %u, decided %u", text, group, found, decided);
  tally->groups++;
  tally->groups_gone += !(decided & LAM_MAY_BE_TRUE);
  tally->groups_proved += decided == LAM_MAY_BE_TRUE;
  lam_ranges_init(&ranges, mem);
  OK(lam_prune_rows(prune, group, &ranges, &all, &error));
  int64_t row = 0;
  for (size_t i = 0; i < lam_ranges_count(&ranges); i++) {
    const struct lam_range *range = lam_ranges_at(&ranges, i);
    assert_true(range->first >= row && range->end > range->first && range->end <= rows);
    for (; row < range->first; row++)
      if (outcomes[row] & LAM_MAY_BE_TRUE) fail_msg("%s: row %d of row group %d is left out", text, (int)row, group);
    for (; row < range->end; row++)
      if (all && outcomes[row] != LAM_MAY_BE_TRUE)
        fail_msg("%s: row %d of group %d is no match", text, (int)row, group);
  }
  for (; row < rows; row++)
    if (outcomes[row] & LAM_MAY_BE_TRUE) fail_msg("%s: row %d of row group %d is left out", text, (int)row, group);
  if (all) tally->rows_proved += (int)lam_ranges_total(&ranges);
  lam_ranges_release(&ranges);
}

static void say_types(const struct table *table, struct text *text) {
  for (int64_t c = 0; c < table->wide.n_children; c++) {
    struct lam_type type;
    char name[96];
    OK(lam_type_parse(table->wide.children[c], &type, &error));
    put_text(text, " [c%d: %s%s]", (int)c, lam_type_name(&type, name, sizeof name),
             table->sources[c] < 0 ? ", not in the file" : "");
  }
}

static void check_condition(uint64_t *seed, struct table *table, struct tally *tally) {
  const struct lam_file_meta *meta = lam_file_meta(table->file);
  const struct lam_expr *condition;
  struct lam_prune *prune;
  struct text text;
  struct lam_arena arena;
  uint8_t outcomes[MOST_ROWS] = {0};
  lam_arena_init(&arena, mem);
  if (random_condition(seed, &table->columns, &table->wide, &arena, &text, &condition) &&
      outcomes_of_rows(condition, &table->wide, &table->rows, outcomes)) {
    say_types(table, &text);
    OK(lam_prune_open(table->file, condition, &table->wide, table->sources, table->constants, mem, &prune, &error));
    int64_t row = 0;
    for (int32_t group = 0; group < meta->row_group_count; group++) {
      check_group(prune, group, outcomes + row, meta->row_groups[group].rows, text.data, tally);
      row += meta->row_groups[group].rows;
    }
    assert_int_equal(row, table->rows.length);
    add_counts(&tally->counts, lam_prune_counted(prune));
    lam_prune_close(prune);
    tally->conditions++;
  }
  lam_arena_release(&arena);
}

static void test_against_brute_force(void **state) {
  (void)state;
  uint64_t seed = seed_of_test();
  struct tally tally = {0};
  for (int i = 0; i < FILES; i++) {
    struct table table;
    make_table(&seed, &table);
    for (int k = 0; k < CONDITIONS; k++) check_condition(&seed, &table, &tally);
    close_table(&table);
  }
  const struct lam_prune_counts *counts = &tally.counts;
  print_message("%d conditions on %d row groups: %d cannot match, %d match wholly, %d rows proved by pages\n",
                tally.conditions, tally.groups, tally.groups_gone, tally.groups_proved, tally.rows_proved);
  print_message("gone by statistics %d, bloom filters %d, dictionaries %d, pages %d; pages %d, skipped %d\n",
                (int)counts->groups_by_statistics, (int)counts->groups_by_bloom, (int)counts->groups_by_dictionary,
                (int)counts->groups_by_pages, (int)counts->pages, (int)counts->pages_skipped);
  assert_true(tally.conditions >= 9500); /* 10,000 and more with the seed that is set */
  assert_true(tally.groups_gone > tally.groups / 5 && tally.groups_proved > tally.groups / 20);
  assert_true(counts->groups_by_dictionary > 200 && counts->groups_by_bloom > 50);
  assert_true(counts->pages_skipped > counts->pages / 5);
}

/* ---- files of other writers ---- */

/* A column of one row group, one value of which is looked for. */
struct sought {
  struct lam_file *file;
  const struct ArrowSchema *schema; /* of that column alone */
  int32_t top, group;
  int64_t row;
  struct lam_expr column, literal;
};

/* Whether a condition that is TRUE for the row leaves it in. */
static void expect_found(const struct sought *sought, const struct lam_expr *condition, int *checked) {
  struct lam_prune *prune;
  struct lam_ranges rows;
  unsigned outcomes;
  bool all, found = false;
  lam_ranges_init(&rows, mem);
  OK(lam_prune_open(sought->file, condition, sought->schema, &sought->top, NULL, mem, &prune, &error));
  OK(lam_prune_group(prune, sought->group, &outcomes, &error));
  OK(lam_prune_rows(prune, sought->group, &rows, &all, &error));
  for (size_t i = 0; i < lam_ranges_count(&rows); i++)
    found |= lam_ranges_at(&rows, i)->first <= sought->row && sought->row < lam_ranges_at(&rows, i)->end;
  if (!found || !(outcomes & LAM_MAY_BE_TRUE))
    fail_msg("%s: row %d of row group %d, column %d (comparison %d): outcomes %u, %s by pages",
             lam_file_name(sought->file), (int)sought->row, sought->group, sought->top, condition->operation, outcomes,
             found ? "in" : "out");
  lam_ranges_release(&rows);
  lam_prune_close(prune);
  ++*checked;
}

static void look_for_row(struct sought *sought, const struct lam_view *view, int64_t at, int *checked) {
  static const enum lam_comparison comparisons[] = {LAM_EQ, LAM_GE, LAM_LE};
  const struct lam_expr *arguments[2] = {&sought->column, &sought->literal};
  struct lam_expr condition = {.type = type_of("bool"), .arguments = arguments};
  if (lam_scalar_of_view(view, at, &sought->literal.literal, NULL) != LAM_OK) return; /* nested */
  sought->literal.kind = LAM_EXPR_LITERAL;
  sought->literal.type = sought->column.type = sought->literal.literal.type;
  if (sought->literal.literal.is_null) {
    condition.kind = LAM_EXPR_IS_NULL;
    condition.count = 1;
    expect_found(sought, &condition, checked);
    return;
  }
  condition.kind = LAM_EXPR_COMPARE;
  condition.count = 2;
  for (int i = 0; i < 3; i++) {
    condition.operation = (int)comparisons[i];
    expect_found(sought, &condition, checked);
  }
}

static void look_in_column(struct sought *sought, int *checked) {
  enum { LOOKS = 10 };
  static const int32_t path = 0;
  struct lam_read_options options = LAM_READ_OPTIONS_INIT;
  struct lam_reader *reader;
  struct ArrowArray batch;
  int64_t first = 0, step = lam_file_row_group_rows(sought->file, sought->group) / LOOKS + 1;
  options.columns = &sought->top;
  options.column_count = 1;
  options.row_groups = &sought->group;
  options.row_group_count = 1;
  if (lam_reader_open_in(sought->file, &options, mem, &reader, &error) != LAM_OK) return;
  sought->column = (struct lam_expr){.kind = LAM_EXPR_COLUMN, .depth = 1, .path = &path};
  while (lam_reader_next(reader, &batch, &error) == LAM_OK && batch.release) { /* some are damaged */
    struct lam_view view;
    OK(lam_view_init(sought->schema->children[0], batch.children[0], &view, &error));
    for (int64_t at = 0; at < batch.length; at++) {
      sought->row = first + at;
      if (sought->row % step == 0) look_for_row(sought, &view, at, checked);
    }
    first += batch.length;
    lam_array_release(&batch);
  }
  lam_reader_close(reader);
}

static void look_in_file(struct lam_store *store, const char *key, int *checked) {
  struct lam_file *file;
  if (lam_file_open_in(store, key, NULL, mem, &file, &error) != LAM_OK) return;
  const struct lam_file_meta *meta = lam_file_meta(file);
  for (int32_t top = 0; top < lam_top_columns(meta); top++) {
    struct ArrowSchema schema;
    OK(lam_schema_init_struct("", 1, &schema, &error));
    if (meta->nodes[lam_top_node(meta, top)].physical >= 0 && /* nested ones may be huge */
        lam_schema_of_column(meta, top, schema.children[0], &error) == LAM_OK)
      for (int32_t group = 0; group < meta->row_group_count; group++)
        look_in_column(&(struct sought){.file = file, .schema = &schema, .top = top, .group = group}, checked);
    lam_schema_release(&schema);
  }
  lam_file_close(file);
}

/* NULL where the files are not here. */
static DIR *open_public(struct lam_store **store) {
  const char *root = getenv("LAMELLA_PARQUET_TESTING");
  char path[512];
  snprintf(path, sizeof path, "%s/data", root ? root : LAM_SOURCE_DIR "/../shared/parquet-testing");
  DIR *directory = opendir(path);
  if (directory)
    OK(lam_store_local(context, path, store, &error));
  else
    print_message("skipped: there is no %s\n", path);
  return directory;
}

/* Row group 2 has nothing but NaN, which its bounds (in IEEE 754 total order) and its count of NaNs say, the others at
 * most some. */
static void test_nothing_but_nan(void **state) {
  (void)state;
  static const char *const columns[] = {"float_ieee754",  "float_typedef",   "double_ieee754",
                                        "double_typedef", "float16_ieee754", "float16_typedef"};
  enum { T = LAM_MAY_BE_TRUE, F = LAM_MAY_BE_FALSE, GROUP = 2 };
  static const struct {
    const char *condition;
    unsigned expected;
    bool all;
  } cases[] = {{"%s < 5", F, false},
               {"%s = 3", F, false},
               {"%s IN (1, 2)", F, false},
               {"%s BETWEEN 0 AND 9", F, false},
               {"%s > 5", T, true},
               {"%s = CAST('nan' AS double)", T, true},
               {"NOT (%s > 5) OR %s < 7", F, false}};
  struct lam_store *store;
  struct lam_file *file;
  struct ArrowSchema schema;
  struct lam_arena arena;
  struct lam_ranges rows;
  DIR *directory = open_public(&store);
  if (!directory) return;
  closedir(directory);
  lam_arena_init(&arena, mem);
  lam_ranges_init(&rows, mem);
  OK(lam_file_open_in(store, "floating_orders_nan_count.parquet", NULL, mem, &file, &error));
  OK(lam_file_schema(file, &schema, &error));
  for (int c = 0; c < 6; c++)
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
      static const int32_t sources[] = {0, 1, 2, 3, 4, 5};
      const struct lam_expr *parsed, *condition;
      struct lam_prune *prune;
      unsigned outcomes;
      char text[128];
      bool all;
      snprintf(text, sizeof text, cases[i].condition, columns[c], columns[c]);
      OK(lam_expr_parse(text, &arena, &parsed, &error));
      OK(lam_expr_bind_condition(parsed, &schema, &arena, &condition, &error));
      OK(lam_prune_open(file, condition, &schema, sources, NULL, mem, &prune, &error));
      OK(lam_prune_statistics(prune, GROUP, &outcomes, &error));
      if (outcomes != cases[i].expected) fail_msg("%s: %u", text, outcomes);
      /* Its page's index says so too, where its order has bounds for such pages. */
      OK(lam_prune_rows(prune, GROUP, &rows, &all, &error));
      assert_int_equal(lam_ranges_total(&rows), cases[i].all ? 10 : 0);
      lam_prune_close(prune);
    }
  lam_ranges_release(&rows);
  lam_arena_release(&arena);
  lam_schema_release(&schema);
  lam_file_close(file);
  lam_store_close(store);
}

static void test_public_files(void **state) {
  (void)state;
  int checked = 0;
  struct lam_store *store;
  DIR *directory = open_public(&store);
  if (!directory) return;
  for (const struct dirent *entry; (entry = readdir(directory));) {
    size_t size = strlen(entry->d_name);
    if (size > 8 && strcmp(entry->d_name + size - 8, ".parquet") == 0) look_in_file(store, entry->d_name, &checked);
  }
  closedir(directory);
  lam_store_close(store);
  print_message("%d conditions on public files\n", checked);
  assert_true(checked > 2000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      MEM_TEST(test_against_brute_force),
      MEM_TEST(test_nothing_but_nan),
      MEM_TEST(test_public_files),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
