/* Parts of a file: ranges of rows, and rows that match a condition, with pruning by statistics, page indexes, bloom
 * filters and dictionaries. The first eight bytes choose, the rest is the file.
 *
 * A file may lie in its statistics and indexes, and what is read then is only not to do harm. Where none of them is
 * used, the same rows come as from a full read. */
#include <stdio.h>

#include "fuzz_support.h"
#include "parquet/filter_reader.h"
#include "parquet/reader.h"

struct choice {
  uint8_t mode, first_column, second_column, conditions;
  uint8_t gaps[2], lengths[2]; /* of ranges of rows */
};
_Static_assert(sizeof(struct choice) == 8, "the head of an input has eight bytes");
enum mode { RANGES = 0, FILTER = 1, MODES = 2, WITH_INDEXES = 2, DICTIONARIES = 4, OR = 8, SMALL_BATCHES = 16 };
enum { MOST_ROWS = 20000, MOST_GROUPS = 3 };

struct input {
  const struct choice *choice;
  int32_t columns[2];
};

/* ---- what both do ---- */

static struct lam_read_options options_of(const struct input *input) {
  struct lam_read_options options = LAM_READ_OPTIONS_INIT;
  options.columns = input->columns;
  options.column_count = 2;
  options.batch_rows = input->choice->mode & SMALL_BATCHES ? 7 : 300;
  options.dictionaries = input->choice->mode & DICTIONARIES;
  return options;
}

/* Reads row group `group`, those in `ranges` or, where that is NULL, all of its rows. */
static void read_group(struct lam_file *file, struct lam_mem *mem, const struct input *input, int32_t group,
                       const struct lam_range *ranges, size_t count, struct fuzz_rows *rows) {
  struct lam_read_options options = options_of(input);
  struct lam_reader_mode mode = {.one_thread = true};
  struct lam_reader *reader;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  struct lam_range left[2];
  size_t at = 0;
  options.row_groups = &group;
  options.row_group_count = 1;
  fuzz_begin_rows(rows);
  lam_copy(left, ranges, count * sizeof *ranges);
  rows->status = lam_reader_open_as(file, &options, &mode, mem, &reader, NULL);
  if (rows->status != LAM_OK) return;
  rows->status = lam_reader_schema(reader, &schema, NULL);
  if (rows->status != LAM_OK) return lam_reader_close(reader);
  if (ranges) rows->status = lam_reader_begin(reader, group, NULL);
  while (rows->status == LAM_OK && rows->count < FUZZ_ROWS && (!ranges || at < count)) {
    int64_t taken = 0;
    rows->status = ranges ? lam_reader_read(reader, left + at, count - at, &taken, &batch, NULL)
                          : lam_reader_next(reader, &batch, NULL);
    if (rows->status != LAM_OK || !batch.release) break;
    fuzz_check(batch.length > 0 && (!ranges || batch.length == taken));
    fuzz_add_rows(rows, &schema, &batch);
    lam_array_release(&batch);
    while (at < count && taken > 0) {
      int64_t some = lam_min_i64(taken, left[at].end - left[at].first);
      left[at].first += some;
      taken -= some;
      at += left[at].first == left[at].end;
    }
  }
  lam_schema_release(&schema);
  lam_reader_close(reader);
}

/* Offset indexes are then as good as absent. */
static void forget_indexes(struct lam_file *file) {
  const struct lam_file_meta *meta = lam_file_meta(file);
  for (int32_t group = 0; group < meta->row_group_count; group++)
    for (int32_t leaf = 0; leaf < meta->leaf_count; leaf++)
      meta->row_groups[group].chunks[leaf].offset_index_length = 0;
}

/* ---- ranges of rows ---- */

static void check_ranges(struct lam_file *file, struct lam_mem *mem, const struct input *input, int32_t group) {
  static struct fuzz_rows all, some, expected;
  const struct choice *choice = input->choice;
  int64_t group_rows = lam_file_row_group_rows(file, group), next = 0;
  struct lam_range ranges[2];
  size_t count = 0;
  for (int i = 0; i < 2; i++) {
    int64_t first = next + choice->gaps[i] + (i > 0), end = first + choice->lengths[i] + 1;
    if (end > group_rows) end = group_rows;
    if (first >= end) break;
    ranges[count++] = (struct lam_range){first, end};
    next = end;
  }
  if (!count) return;
  read_group(file, mem, input, group, ranges, count, &some);
  if (choice->mode & WITH_INDEXES) return;
  read_group(file, mem, input, group, NULL, 0, &all);
  fuzz_begin_rows(&expected);
  expected.status = all.status;
  for (size_t i = 0; i < count; i++)
    for (int64_t row = ranges[i].first; row < ranges[i].end && row < all.count; row++)
      expected.digests[expected.count++] = all.digests[row];
  /* Entries of lists are looked at up to a limit, which the full read comes to at another row. */
  if (all.entries <= 0 || some.entries <= 0) return;
  if (all.status == LAM_OK)
    fuzz_check_same(&expected, &some);
  else
    fuzz_check(memcmp(expected.digests, some.digests,
                      (size_t)lam_min_i64(expected.count, some.count) * sizeof *some.digests) == 0);
}

/* ---- conditions ---- */

static const char *const conditions[] = {
    "C > 1",
    "C = 2",
    "C IN (0, 1, 3)",
    "C > 'b'",
    "C = 'a'",
    "C LIKE 'a%'",
    "C",
    "C IS NULL",
    "C >= 1.5",
    "C < TIMESTAMP '2009-03-01 00:01:00'",
    "C <> DATE '2009-01-01'",
    "NOT C IN (1, NULL)",
    "C BETWEEN -5 AND 5",
    "C IS NOT NULL",
    "coalesce(C, 0) = 0",
    "C IN ('a', 'b', '')",
};
enum { CONDITIONS = sizeof conditions / sizeof *conditions };

/* Appends a condition with the name, quoted, for its C. */
static void append_condition(struct lam_buf *out, const char *condition, const char *name) {
  for (; *condition; condition++) {
    bool is_column = *condition == 'C' && (condition[1] == 0 || condition[1] == ' ' || condition[1] == ',');
    if (!is_column) {
      (void)lam_buf_append(out, condition, 1, NULL);
      continue;
    }
    (void)lam_buf_append(out, "\"", 1, NULL);
    for (const char *c = name; *c; c++) (void)lam_buf_append(out, *c == '"' ? "\"\"" : c, *c == '"' ? 2 : 1, NULL);
    (void)lam_buf_append(out, "\"", 1, NULL);
  }
}

/* The condition, bound to `schema`; NULL where it does not go with the columns' types. */
static const struct lam_expr *bind(const struct input *input, const struct ArrowSchema *schema, struct lam_mem *mem,
                                   struct lam_arena *arena) {
  const struct choice *choice = input->choice;
  const struct lam_expr *parsed, *bound = NULL;
  struct lam_buf text;
  lam_buf_init(&text, mem);
  append_condition(&text, conditions[choice->conditions % CONDITIONS], schema->children[0]->name);
  if (choice->conditions / CONDITIONS) {
    const char *word = choice->mode & OR ? " OR " : " AND ";
    (void)lam_buf_append(&text, word, strlen(word), NULL);
    append_condition(&text, conditions[choice->conditions / CONDITIONS % CONDITIONS], schema->children[1]->name);
  }
  if (lam_buf_append(&text, "", 1, NULL) != LAM_OK ||
      lam_expr_parse((const char *)text.data, arena, &parsed, NULL) != LAM_OK ||
      lam_expr_bind_condition(parsed, schema, arena, &bound, NULL) != LAM_OK)
    bound = NULL;
  lam_buf_release(&text);
  return bound;
}

static void read_filtered(struct lam_file *file, struct lam_mem *mem, const struct input *input,
                          const struct lam_filter *filter, struct fuzz_rows *rows, bool *pruned) {
  struct lam_read_options options = options_of(input);
  struct lam_filter_reader *reader;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  fuzz_begin_rows(rows);
  rows->status = lam_filter_reader_open(file, &options, filter, true, mem, &reader, NULL);
  if (rows->status != LAM_OK) return;
  rows->status = lam_filter_reader_schema(reader, &schema, NULL);
  if (rows->status != LAM_OK) return lam_filter_reader_close(reader);
  while (rows->count < FUZZ_ROWS) {
    rows->status = lam_filter_reader_next(reader, &batch, NULL);
    if (rows->status != LAM_OK || !batch.release) break;
    fuzz_check(batch.length > 0);
    fuzz_add_rows(rows, &schema, &batch);
    lam_array_release(&batch);
  }
  const struct lam_filter_counts *counts = lam_filter_reader_counts(reader);
  *pruned = counts->groups_skipped || counts->groups_whole || lam_filter_reader_pruned(reader)->pages_skipped;
  lam_schema_release(&schema);
  lam_filter_reader_close(reader);
}

/* The same by reading all rows and evaluating the condition on them. */
static void read_and_evaluate(struct lam_file *file, struct lam_mem *mem, const struct input *input,
                              const struct lam_filter *filter, struct fuzz_rows *rows) {
  struct lam_read_options options = options_of(input);
  struct lam_reader *reader;
  struct lam_evaluator *evaluator;
  struct ArrowSchema schema;
  struct ArrowArray batch;
  uint8_t bits[300 / 8 + 8];
  int64_t selected;
  fuzz_begin_rows(rows);
  rows->status = lam_reader_open_in(file, &options, mem, &reader, NULL);
  if (rows->status != LAM_OK) return;
  rows->status = lam_reader_schema(reader, &schema, NULL);
  if (rows->status != LAM_OK) return lam_reader_close(reader);
  fuzz_check(lam_evaluator_open(mem, filter->condition, filter->schema, &evaluator, NULL) == LAM_OK);
  while (rows->status == LAM_OK && rows->count < FUZZ_ROWS) {
    rows->status = lam_reader_next(reader, &batch, NULL);
    if (rows->status != LAM_OK || !batch.release) break;
    rows->status = lam_evaluate_condition(evaluator, &batch, bits, &selected, NULL);
    for (int64_t i = 0; rows->status == LAM_OK && i < batch.length && rows->count < FUZZ_ROWS; i++)
      if (lam_bit_get(bits, i)) rows->digests[rows->count++] = fuzz_digest(&schema, &batch, i, &rows->entries);
    lam_array_release(&batch);
  }
  lam_evaluator_close(evaluator);
  lam_schema_release(&schema);
  lam_reader_close(reader);
}

static void check_filter(struct lam_file *file, struct lam_mem *mem, const struct input *input) {
  static struct fuzz_rows rows, expected;
  struct lam_read_options options = options_of(input);
  struct lam_filter filter = {.sources = input->columns};
  struct lam_reader *reader;
  struct ArrowSchema schema;
  struct lam_arena arena;
  bool pruned = false;
  options.dictionaries = false;
  if (lam_reader_open_in(file, &options, mem, &reader, NULL) != LAM_OK) return;
  enum lam_status status = lam_reader_schema(reader, &schema, NULL);
  lam_reader_close(reader);
  if (status != LAM_OK) return;
  lam_arena_init(&arena, mem);
  filter.schema = &schema;
  filter.condition = bind(input, &schema, mem, &arena);
  if (filter.condition) {
    read_filtered(file, mem, input, &filter, &rows, &pruned);
    if (!pruned && !(input->choice->mode & WITH_INDEXES)) {
      read_and_evaluate(file, mem, input, &filter, &expected);
      /* A column that is damaged where no row is selected is read for nothing here, and not at all there. */
      if (expected.status == LAM_OK)
        fuzz_check_same(&expected, &rows);
      else
        fuzz_check(memcmp(expected.digests, rows.digests,
                          (size_t)lam_min_i64(expected.count, rows.count) * sizeof *rows.digests) == 0);
    }
  }
  lam_arena_release(&arena);
  lam_schema_release(&schema);
}

static void read_parts(void *user, struct lam_file *file, struct lam_mem *mem) {
  const struct choice *choice = user;
  int32_t columns = lam_file_columns(file);
  if (columns == 0 || lam_file_rows(file) > MOST_ROWS) return;
  struct input input = {choice, {choice->first_column % columns, choice->second_column % columns}};
  if (!(choice->mode & WITH_INDEXES)) forget_indexes(file);
  if (choice->mode % MODES == FILTER) return check_filter(file, mem, &input);
  for (int32_t group = 0; group < lam_file_row_groups(file) && group < MOST_GROUPS; group++)
    check_ranges(file, mem, &input, group);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct choice choice;
  if (size < sizeof choice) return 0;
  memcpy(&choice, data, sizeof choice);
  fuzz_with_file(data + sizeof choice, size - sizeof choice, read_parts, &choice);
  return 0;
}
