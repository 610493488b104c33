/* Filtered reading against the rows that a condition in C selects: random
 * conditions, columns, batch sizes and forms, on files with and without page
 * indexes and dictionaries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "arrow/array.h"
#include "base/context.h"
#include "parquet/filter_reader.h"
#include "parquet/writer.h"
#include "store/memory.h"

enum { GROUP_ROWS = 6000, GROUPS = 3, ROWS = GROUP_ROWS * GROUPS, COLUMNS = 7 };

static struct lam_error error = LAM_ERROR_INIT;
#define OK(call)                                                 \
  do {                                                           \
    enum lam_status ok_status = (call);                          \
    if (ok_status != LAM_OK) print_error("%s\n", error.message); \
    assert_int_equal(ok_status, LAM_OK);                         \
  } while (0)

static uint64_t seed_state;
static uint32_t pick(uint32_t below) { /* splitmix64 */
  uint64_t z = seed_state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (uint32_t)((z ^ (z >> 31)) % below);
}

/* ---- what row `row` of the file holds ---- */

static int64_t mixed(int64_t row) {
  return (int64_t)((uint64_t)row * 0x9e3779b97f4a7c15u >> 40);
}
static int64_t value_a(int64_t row) { /* few values, in no order */
  return mixed(row) % 50;
}
static bool null_n(int64_t row) {
  return mixed(row) % 7 == 3;
}
static int64_t value_n(int64_t row) { /* rising and falling */
  return row / 100 % 2 ? 100 - row % 100 : row % 100;
}
static bool null_s(int64_t row) {
  return mixed(row) % 11 == 5;
}
static int text_s(int64_t row, char *out) {
  return sprintf(out, "word %d", (int)(mixed(row) % 30));
}
static int text_t(int64_t row, char *out) {
  return sprintf(out, "%.*s%d", (int)(mixed(row) % 60),
                 "the text of a row that is of another length in each of the rows", (int)row);
}
static int64_t length_l(int64_t row) {
  return row % 4;
}

/* ---- the file ---- */

static const char *const names[COLUMNS] = {"id", "a", "n", "d", "s", "t", "l"};
static const enum lam_type_id types[COLUMNS] = {LAM_TYPE_INT64,  LAM_TYPE_INT64,  LAM_TYPE_INT64, LAM_TYPE_FLOAT64,
                                                LAM_TYPE_STRING, LAM_TYPE_STRING, LAM_TYPE_LIST};

struct fixture {
  struct lam_context *context;
  struct lam_mem *mem;
  struct lam_store *store;
  struct ArrowSchema schema;
};

static void build(struct fixture *f, int column, int64_t first, int64_t rows, struct ArrowArray *out) {
  struct lam_type type = {.id = types[column] == LAM_TYPE_LIST ? LAM_TYPE_INT64 : types[column], .timezone = ""};
  struct lam_builder builder;
  struct lam_shared *buffers[2] = {NULL, NULL};
  OK(lam_builder_init(&builder, f->mem, &type, &error));
  if (types[column] == LAM_TYPE_LIST) OK(lam_shared_create(f->mem, (size_t)(rows + 1) * 4, &buffers[1], &error));
  for (int64_t row = first; row < first + rows; row++) {
    int64_t number = column == 0 ? row : column == 1 ? value_a(row) : value_n(row);
    double real = (double)mixed(row) / 16;
    char text[128];
    if (column < 3) {
      if (column == 2 && null_n(row))
        OK(lam_builder_null(&builder, &error));
      else
        OK(lam_builder_fixed(&builder, &number, &error));
    } else if (column == 3) {
      OK(lam_builder_fixed(&builder, &real, &error));
    } else if (column == 6) {
      ((int32_t *)(void *)buffers[1]->data)[row - first] = (int32_t)builder.length;
      for (int64_t i = 0; i < length_l(row); i++) {
        int64_t item = row + i;
        OK(lam_builder_fixed(&builder, &item, &error));
      }
    } else if (column == 4 && null_s(row)) {
      OK(lam_builder_null(&builder, &error));
    } else {
      int size = column == 4 ? text_s(row, text) : text_t(row, text);
      OK(lam_builder_bytes(&builder, lam_bytes_of(text, (size_t)size), &error));
    }
  }
  if (types[column] != LAM_TYPE_LIST) {
    OK(lam_builder_finish(&builder, out, &error));
  } else {
    ((int32_t *)(void *)buffers[1]->data)[rows] = (int32_t)builder.length;
    OK(lam_array_init_nested(rows, 0, 2, buffers, 1, out, &error));
    OK(lam_builder_finish(&builder, out->children[0], &error));
    lam_shared_release(buffers[1]);
  }
  lam_builder_release(&builder);
}

static void make_schema(struct ArrowSchema *out) {
  OK(lam_schema_init_struct("", COLUMNS, out, &error));
  for (int c = 0; c < COLUMNS; c++) {
    struct lam_type type = {.id = types[c], .timezone = ""};
    lam_schema_release(out->children[c]);
    if (types[c] == LAM_TYPE_LIST) {
      struct lam_type item = {.id = LAM_TYPE_INT64, .timezone = ""};
      OK(lam_schema_init_nested(&type, names[c], true, 1, out->children[c], &error));
      lam_schema_release(out->children[c]->children[0]);
      OK(lam_schema_init(&item, "element", true, out->children[c]->children[0], &error));
    } else {
      OK(lam_schema_init(&type, names[c], true, out->children[c], &error));
    }
  }
}

static void put_file(struct fixture *f, const char *key, const struct lam_write_options *options) {
  struct lam_writer *writer;
  OK(lam_writer_open_in(f->store, key, &f->schema, options, f->mem, &writer, &error));
  for (int64_t row = 0; row < ROWS; row += 1500) {
    struct ArrowArray batch;
    OK(lam_array_init_struct(1500, COLUMNS, &batch, &error));
    for (int c = 0; c < COLUMNS; c++) build(f, c, row, 1500, batch.children[c]);
    OK(lam_writer_write(writer, &batch, &error));
    lam_array_release(&batch);
  }
  OK(lam_writer_finish(writer, NULL, &error));
  lam_writer_close(writer);
}

static void begin(struct fixture *f, uint32_t threads) {
  struct lam_context_options options = LAM_CONTEXT_OPTIONS_INIT;
  options.threads = threads;
  options.memory_limit = 256 << 20;
  OK(lam_context_create(&options, &f->context, &error));
  OK(lam_mem_open(f->context, 0, &f->mem, &error));
  OK(lam_store_memory(f->context, &f->store, &error));
  make_schema(&f->schema);
}

static void end(struct fixture *f) {
  lam_schema_release(&f->schema);
  lam_store_close(f->store);
  assert_int_equal(lam_mem_used(f->mem), 0);
  lam_mem_close(f->mem);
  lam_context_free(f->context);
}

/* ---- conditions, in SQL and in C ---- */

enum { CLAUSES = 10 };
static int write_clause(int clause, int64_t k, char *out) {
  switch (clause) {
    case 0: return sprintf(out, "id >= %d", (int)(k * ROWS / 100));
    case 1: return sprintf(out, "id < %d", (int)(k * ROWS / 100));
    case 2: return sprintf(out, "a = %d", (int)(k / 2));
    case 3: return sprintf(out, "a <> %d", (int)(k / 2));
    case 4: return sprintf(out, "n > %d", (int)k);
    case 5: return sprintf(out, "n IS NULL");
    case 6: return sprintf(out, "s = 'word %d'", (int)(k % 32));
    case 7: return sprintf(out, "s IS NOT NULL");
    case 8: return sprintf(out, "d < %d", (int)(k << 14));
    default: return sprintf(out, "id + a < %d", (int)(k * ROWS / 100));
  }
}
static bool clause_is_true(int clause, int64_t k, int64_t row) {
  switch (clause) {
    case 0: return row >= k * ROWS / 100;
    case 1: return row < k * ROWS / 100;
    case 2: return value_a(row) == k / 2;
    case 3: return value_a(row) != k / 2;
    case 4: return !null_n(row) && value_n(row) > k;
    case 5: return null_n(row);
    case 6: return !null_s(row) && mixed(row) % 30 == k % 32;
    case 7: return !null_s(row);
    case 8: return (double)mixed(row) / 16 < (double)(k << 14);
    default: return row + value_a(row) < k * ROWS / 100;
  }
}

struct condition {
  int count, clause[4];
  int64_t k[4];
  char text[256];
};
static void random_condition(struct condition *out) {
  char *at = out->text;
  out->count = 1 + (int)pick(4);
  for (int i = 0; i < out->count; i++) {
    out->clause[i] = (int)pick(CLAUSES);
    out->k[i] = pick(101);
    if (i > 0) at += sprintf(at, " AND ");
    at += write_clause(out->clause[i], out->k[i], at);
  }
}
static bool is_true(const struct condition *condition, int64_t row) {
  for (int i = 0; i < condition->count; i++)
    if (!clause_is_true(condition->clause[i], condition->k[i], row)) return false;
  return true;
}

/* ---- checking ---- */

static void check_value(const struct ArrowSchema *schema, const struct ArrowArray *array, int column, int64_t at,
                        int64_t row) {
  struct lam_view view, values;
  char text[128];
  OK(lam_view_init(schema, array, &view, &error));
  bool null = (column == 2 && null_n(row)) || (column == 4 && null_s(row));
  assert_int_equal(lam_view_valid(&view, at), !null);
  if (null) return;
  if (view.dictionary_array) {
    at = lam_view_index(&view, at);
    OK(lam_view_dictionary(&view, &values, &error));
    view = values;
  }
  if (column < 3) {
    int64_t expected = column == 0 ? row : column == 1 ? value_a(row) : value_n(row);
    assert_int_equal(((const int64_t *)view.data)[view.offset + at], expected);
  } else if (column == 3) {
    assert_true(((const double *)view.data)[view.offset + at] == (double)mixed(row) / 16);
  } else if (column < 6) {
    int size = column == 4 ? text_s(row, text) : text_t(row, text);
    assert_true(lam_bytes_equal(lam_view_bytes(&view, at), lam_bytes_of(text, (size_t)size)));
  } else {
    struct lam_range items = lam_view_entries(&view, at);
    OK(lam_view_init(schema->children[0], array->children[0], &values, &error));
    assert_int_equal(items.end - items.first, length_l(row));
    for (int64_t i = 0; i < length_l(row); i++)
      assert_int_equal(((const int64_t *)values.data)[values.offset + items.first + i], row + i);
  }
}

static void check_batch(const struct ArrowSchema *schema, const struct ArrowArray *batch, const int32_t *columns,
                        const struct condition *condition, int64_t *row) {
  assert_true(batch->length > 0);
  for (int64_t i = 0; i < batch->length; i++, ++*row) {
    while (*row < ROWS && !is_true(condition, *row)) ++*row;
    assert_true(*row < ROWS);
    for (int64_t c = 0; c < schema->n_children; c++)
      check_value(schema->children[c], batch->children[c], columns[c], i, *row);
  }
}

/* A random choice of columns in any order. */
static int32_t random_columns(int32_t *out) {
  int32_t all[COLUMNS], count = (int32_t)pick(COLUMNS + 1);
  for (int32_t i = 0; i < COLUMNS; i++) all[i] = i;
  for (int32_t i = 0; i < count; i++) {
    uint32_t at = (uint32_t)i + pick((uint32_t)(COLUMNS - i));
    out[i] = all[at];
    all[at] = all[i];
  }
  return count;
}

static void read_filtered(struct fixture *f, struct lam_file *file, const struct lam_filter *filter,
                          const struct condition *condition) {
  int32_t columns[COLUMNS];
  struct lam_read_options options = LAM_READ_OPTIONS_INIT;
  options.columns = columns;
  options.column_count = random_columns(columns);
  options.batch_rows = pick(2) ? 0 : 1 + pick(3000);
  options.dictionaries = pick(2);
  struct lam_filter_reader *reader;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  OK(lam_filter_reader_open(file, &options, filter, pick(2), f->mem, &reader, &error));
  OK(lam_filter_reader_schema(reader, &schema, &error));
  int64_t row = 0;
  for (;;) {
    OK(lam_filter_reader_next(reader, &batch, &error));
    if (!batch.release) break;
    check_batch(&schema, &batch, columns, condition, &row);
    lam_array_release(&batch);
  }
  while (row < ROWS && !is_true(condition, row)) row++;
  assert_int_equal(row, ROWS);
  lam_schema_release(&schema);
  lam_filter_reader_close(reader);
}

static void rows_that_match(void **state) {
  (void)state;
  static const struct lam_column_options plain = {.codec = LAM_WRITE_SNAPPY, .encoding = LAM_ENCODE_PLAIN};
  struct fixture f;
  begin(&f, 2);
  seed_state = getenv("LAM_SEED") ? strtoull(getenv("LAM_SEED"), NULL, 0) : 20261121;
  print_message("LAM_SEED=%llu\n", (unsigned long long)seed_state);
  static const char *const keys[] = {"short pages", "V2", "long pages"};
  for (int kind = 0; kind < 3; kind++) {
    struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
    options.row_group_rows = GROUP_ROWS;
    options.page_rows = kind == 2 ? 0 : 250;
    options.dictionary_bytes = 4000; /* of some columns it is given up on the way */
    options.data_page_v2 = kind == 1;
    if (kind == 2) options.columns = &plain, options.column_count = 1;
    put_file(&f, keys[kind], &options);
    struct lam_file *file;
    int32_t sources[COLUMNS];
    for (int32_t c = 0; c < COLUMNS; c++) sources[c] = c;
    OK(lam_file_open_in(f.store, keys[kind], NULL, f.mem, &file, &error));
    struct ArrowSchema schema;
    OK(lam_file_schema(file, &schema, &error));
    for (int i = 0; i < 60; i++) {
      struct condition condition;
      struct lam_arena arena;
      struct lam_filter filter = {.schema = &schema, .sources = sources};
      const struct lam_expr *parsed;
      random_condition(&condition);
      lam_arena_init(&arena, f.mem);
      OK(lam_expr_parse(condition.text, &arena, &parsed, &error));
      OK(lam_expr_bind_condition(parsed, &schema, &arena, &filter.condition, &error));
      read_filtered(&f, file, &filter, &condition);
      lam_arena_release(&arena);
    }
    struct condition all = {.count = 0};
    read_filtered(&f, file, &(struct lam_filter){.schema = &schema, .sources = sources}, &all);
    lam_schema_release(&schema);
    lam_file_close(file);
  }
  end(&f);
}

struct counted {
  _Atomic int64_t rows, ids;
};
static enum lam_status count(void *user, int32_t row_group, int64_t first_row, const struct ArrowSchema *schema,
                             const struct ArrowArray *batch, struct lam_error *e) {
  struct counted *counted = user;
  struct lam_view view;
  LAM_TRY(lam_view_init(schema->children[0], batch->children[0], &view, e));
  assert_int_equal(((const int64_t *)view.data)[view.offset], row_group * (int64_t)GROUP_ROWS + first_row);
  for (int64_t i = 0; i < batch->length; i++) counted->ids += ((const int64_t *)view.data)[view.offset + i];
  counted->rows += batch->length;
  return LAM_OK;
}

static void scans_give_each_match_once(void **state) {
  (void)state;
  struct fixture f;
  struct lam_write_options options = LAM_WRITE_OPTIONS_INIT;
  options.row_group_rows = GROUP_ROWS;
  options.page_rows = 500;
  begin(&f, 2);
  put_file(&f, "f", &options);
  struct lam_file *file;
  int32_t sources[COLUMNS], first = 0;
  for (int32_t c = 0; c < COLUMNS; c++) sources[c] = c;
  OK(lam_file_open_in(f.store, "f", NULL, f.mem, &file, &error));
  struct ArrowSchema schema;
  OK(lam_file_schema(file, &schema, &error));
  struct lam_arena arena;
  struct lam_filter filter = {.schema = &schema, .sources = sources};
  const struct lam_expr *parsed;
  lam_arena_init(&arena, f.mem);
  OK(lam_expr_parse("a = 7 AND id < 11000", &arena, &parsed, &error));
  OK(lam_expr_bind_condition(parsed, &schema, &arena, &filter.condition, &error));
  struct lam_read_options read = LAM_READ_OPTIONS_INIT;
  read.columns = &first;
  read.column_count = 1;
  struct counted counted = {0};
  struct lam_filter_counts counts;
  OK(lam_filter_scan(file, &read, &filter, count, &counted, &counts, &error));
  int64_t rows = 0, ids = 0;
  for (int64_t row = 0; row < 11000; row++)
    if (value_a(row) == 7) rows++, ids += row;
  assert_int_equal(counted.rows, rows);
  assert_int_equal(counted.ids, ids);
  assert_int_equal(counts.rows_selected, rows);
  assert_int_equal(counts.groups, 3);
  assert_int_equal(counts.groups_skipped, 1);
  assert_true(counts.rows_evaluated <= 2 * GROUP_ROWS);
  lam_arena_release(&arena);
  lam_schema_release(&schema);
  lam_file_close(file);
  end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_that_match),
      cmocka_unit_test(scans_give_each_match_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
