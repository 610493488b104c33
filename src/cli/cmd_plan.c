/* lamella plan, lamella partitions */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "arrow/json_write.h"
#include "base/arena.h"
#include "cli/cli.h"
#include "cli/files.h"
#include "cli/sheet.h"
#include "expr/expr.h"

struct plan_arguments {
  struct string_list partitions, columns;
  const char *meta_dir, *where;
  uint64_t gap, range_size, small_size, snapshot_size;
  bool check_files;
};

enum { PARTITION_TITLES = 7, MOST_TITLES = 32 };

/* What the callbacks write to. JSON waits until all is known: after a failure an error takes its place. */
struct listing {
  struct cli *cli;
  struct lam_buf json;
  struct lam_buf text; /* of one cell */
  bool any;            /* something is in the JSON list */
  struct sheet sheet;
  const char *titles[MOST_TITLES]; /* of partitions */
  char sort_key[256];              /* one of them, which nobody has asked for */
  enum lam_status status;
  struct lam_error *error;
  const struct plan_arguments *arguments;
};

/* ---- JSON ---- */

__attribute__((format(printf, 2, 3))) static void put(struct listing *l, const char *format, ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  int size = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (l->status == LAM_OK) l->status = lam_buf_append(&l->json, text, (size_t)size, l->error);
}

static void put_string(struct listing *l, const char *text, size_t size) {
  if (l->status != LAM_OK) return;
  if (text)
    l->status = lam_json_string(&l->json, lam_bytes_of(text, size), l->error);
  else
    put(l, "null");
}

static void put_name(struct listing *l, const char *text) {
  put_string(l, text && *text ? text : NULL, text ? strlen(text) : 0);
}

/* Of the list of files or partitions. */
static void begin_object(struct listing *l) {
  put(l, "%s\n{", l->any ? "," : "");
  l->any = true;
}

static enum lam_status write_json(struct listing *l) {
  LAM_TRY(l->status);
  return cli_write(l->json.data, l->json.size, l->error);
}

/* Lines that wait are not written after a failure. */
static enum lam_status end_sheet(struct listing *l, enum lam_status status) {
  if (status != LAM_OK) l->sheet.status = status;
  return sheet_end(&l->sheet);
}

/* ---- opening ---- */

static enum lam_status check_where(struct lam_mem *mem, const char *where, struct lam_error *error) {
  struct lam_arena arena;
  const struct lam_expr *expr;
  if (!where) return LAM_OK;
  lam_arena_init(&arena, mem);
  enum lam_status status = lam_expr_parse(where, &arena, &expr, error);
  lam_arena_release(&arena);
  return status == LAM_OK ? status : lam_fail_in(error, status, "--where");
}

typedef enum lam_status (*table_fn)(struct lam_table *table, struct listing *listing, const struct plan_arguments *a,
                                    struct lam_error *error);

static enum lam_status on_table(struct cli *cli, const char *path, const struct plan_arguments *a, table_fn run,
                                struct lam_mem *mem, struct lam_error *error) {
  struct listing listing = {.cli = cli, .error = error, .arguments = a};
  struct lam_table_options options = LAM_TABLE_OPTIONS_INIT;
  struct lam_table *table;
  options.meta_dir = a->meta_dir;
  options.partitions = a->partitions.texts;
  options.partition_count = a->partitions.count;
  options.check_files = a->check_files;
  options.snapshot_size = a->snapshot_size;
  LAM_TRY(lam_table_open(cli->context, path, &options, &table, error));
  lam_buf_init(&listing.json, mem);
  lam_buf_init(&listing.text, mem);
  enum lam_status status = run(table, &listing, a, error);
  lam_buf_release(&listing.text);
  lam_buf_release(&listing.json);
  lam_table_close(table);
  return status;
}

static enum lam_status run_on_table(struct cli *cli, int argc, char **argv, const struct option *options,
                                    const struct plan_arguments *a, table_fn run, int *exit_code,
                                    struct lam_error *error) {
  struct string_list words = {.count = 0};
  struct lam_mem *mem;
  LAM_TRY(cli_begin(cli, argc, argv, options, &words, 1, 1, exit_code, error));
  if (cli->help) return LAM_OK;
  *exit_code = EXIT_USAGE;
  LAM_TRY(cli_check_partitions(&a->partitions, error));
  LAM_TRY(lam_mem_open(cli->context, 1 << 20, &mem, error));
  enum lam_status status = check_where(mem, a->where, error);
  if (status == LAM_OK) {
    *exit_code = EXIT_FAILED;
    status = spool_input(cli->context, &words.texts[0], error);
  }
  if (status == LAM_OK) status = on_table(cli, words.texts[0], a, run, mem, error);
  lam_mem_close(mem);
  if (status == LAM_OK) *exit_code = EXIT_DONE;
  return status;
}

/* ---- plan ---- */

static const char *const verdicts[] = {"skipped", "kept", "whole"};

static void put_row_group(struct listing *l, const struct lam_plan_row_group *group) {
  put(l, "%s{\"index\": %" PRId32 ", \"verdict\": \"%s\", \"rule\": ", group->index ? ", " : "", group->index,
      verdicts[group->verdict]);
  put_name(l, lam_plan_rule_name(group->rule));
  put(l, ", \"row_count\": %" PRIu64 ", \"rows\": [", group->rows);
  for (size_t i = 0; i < group->kept_count; i++)
    put(l, "%s[%" PRId64 ", %" PRId64 "]", i ? ", " : "", group->kept[i].first, group->kept[i].end);
  put(l, "]}");
}

static bool plan_json(void *user, const struct lam_plan_file *file) {
  struct listing *l = user;
  begin_object(l);
  put(l, "\"path\": ");
  put_string(l, file->path, strlen(file->path));
  put(l, ", \"verdict\": \"%s\", \"rule\": ", verdicts[file->verdict]);
  put_name(l, lam_plan_rule_name(file->rule));
  put(l, ", \"rows\": %" PRIu64 ", \"rows_kept\": %" PRIu64 ", \"bytes\": %" PRIu64, file->rows, file->rows_kept,
      file->bytes);
  put(l, ", \"bytes_wanted\": %" PRIu64 ", \"bytes_fetched\": %" PRIu64 ", \"row_group_count\": %" PRIu32,
      file->bytes_wanted, file->bytes_fetched, file->row_group_count);
  put(l, ", \"row_groups\": [");
  for (uint32_t i = 0; file->row_groups && i < file->row_group_count; i++) put_row_group(l, &file->row_groups[i]);
  put(l, "], \"ranges\": [");
  for (size_t i = 0; i < file->range_count; i++)
    put(l, "%s[%" PRIu64 ", %" PRIu64 "]", i ? ", " : "", file->ranges[i].offset, file->ranges[i].size);
  put(l, "]}");
  return l->status == LAM_OK;
}

/* "2 of 5" */
static void of_cell(struct sheet *sheet, uint64_t part, uint64_t all) {
  char a[40], b[40], text[96];
  cli_group_digits((int64_t)part, a);
  cli_group_digits((int64_t)all, b);
  snprintf(text, sizeof text, "%s of %s", a, b);
  sheet_literal(sheet, text);
}

static void size_cell(struct sheet *sheet, uint64_t bytes) {
  char text[32];
  sheet_literal(sheet, lam_format_size(bytes, text, sizeof text));
}

static const char *const plan_titles[] = {"row groups", "whole", "rows", "bytes", "of", "ranges", "file"};

/* A line for each file kept. */
static bool plan_line(void *user, const struct lam_plan_file *file) {
  struct listing *l = user;
  uint64_t kept = 0, whole = 0;
  if (file->verdict == LAM_PLAN_SKIPPED) return true;
  for (uint32_t i = 0; i < file->row_group_count; i++) { /* a file that is kept was opened */
    kept += file->row_groups[i].verdict != LAM_PLAN_SKIPPED;
    whole += file->row_groups[i].verdict == LAM_PLAN_WHOLE;
  }
  of_cell(&l->sheet, kept, file->row_group_count);
  sheet_number(&l->sheet, (int64_t)whole);
  of_cell(&l->sheet, file->rows_kept, file->rows);
  size_cell(&l->sheet, file->bytes_fetched);
  size_cell(&l->sheet, file->bytes);
  sheet_number(&l->sheet, (int64_t)file->range_count);
  sheet_whole(&l->sheet, file->path);
  return l->sheet.status == LAM_OK;
}

enum { PLAN_FIELDS = 16 + LAM_PLAN_RULES };

static size_t plan_fields(const struct lam_plan_result *r, struct result_field *out) {
  static const char *const by[LAM_PLAN_RULES] = {NULL,
                                                 "row_groups_skipped_by_partition_value",
                                                 "row_groups_skipped_by_statistics",
                                                 "row_groups_skipped_by_bloom_filter",
                                                 "row_groups_skipped_by_dictionary",
                                                 "row_groups_skipped_by_page_index"};
  uint64_t skipped = 0;
  for (int i = 0; i < LAM_PLAN_RULES; i++) skipped += r->row_groups_skipped[i];
  const struct result_field head[] = {
      {"files", RESULT_COUNT, r->files, NULL},
      {"files_kept", RESULT_COUNT, r->files - r->files_skipped, NULL},
      {"files_skipped", RESULT_COUNT, r->files_skipped, NULL},
      {"row_groups", RESULT_COUNT, r->row_groups, NULL},
      {"row_groups_kept", RESULT_COUNT, r->row_groups - skipped, NULL},
      {"row_groups_whole", RESULT_COUNT, r->row_groups_whole, NULL},
  };
  const struct result_field tail[] = {
      {"pages", RESULT_COUNT, r->pages, NULL},
      {"pages_skipped", RESULT_COUNT, r->pages_skipped, NULL},
      {"rows", RESULT_COUNT, r->rows, NULL},
      {"rows_kept", RESULT_COUNT, r->rows_kept, NULL},
      {"rows_whole", RESULT_COUNT, r->rows_whole, NULL},
      {"bytes", RESULT_BYTES, r->bytes, NULL},
      {"bytes_wanted", RESULT_BYTES, r->bytes_wanted, NULL},
      {"bytes_fetched", RESULT_BYTES, r->bytes_fetched, NULL},
      {"ranges", RESULT_COUNT, r->ranges, NULL},
  };
  size_t count = sizeof head / sizeof *head;
  memcpy(out, head, sizeof head);
  for (int i = LAM_PLAN_BY_PARTITION; i < LAM_PLAN_RULES; i++)
    out[count++] = (struct result_field){by[i], RESULT_COUNT, r->row_groups_skipped[i], NULL};
  memcpy(out + count, tail, sizeof tail);
  return count + sizeof tail / sizeof *tail;
}

static void put_totals(struct listing *l, const struct result_field *fields, size_t count) {
  put(l, "],\n\"totals\": {");
  for (size_t i = 0; i < count; i++) put(l, "%s\"%s\": %" PRIu64, i ? ", " : "", fields[i].name, fields[i].value);
}

static enum lam_status plan_table(struct lam_table *table, struct listing *l, const struct plan_arguments *a,
                                  struct lam_error *error) {
  struct lam_plan_options options = LAM_PLAN_OPTIONS_INIT;
  struct lam_plan_result result = LAM_PLAN_RESULT_INIT;
  struct result_field fields[PLAN_FIELDS];
  options.columns = a->columns.count ? a->columns.texts : NULL;
  options.column_count = a->columns.count;
  options.where = a->where;
  if (l->cli->json) {
    put(l, "{\"files\": [");
    LAM_TRY(lam_plan(table, &options, plan_json, l, &result, error));
    put_totals(l, fields, plan_fields(&result, fields));
    put(l, "}}\n");
    return write_json(l);
  }
  sheet_begin(&l->sheet, l->json.mem, false, plan_titles, sizeof plan_titles / sizeof *plan_titles, error);
  enum lam_status status = lam_plan(table, &options, l->cli->quiet ? NULL : plan_line, l, &result, error);
  LAM_TRY(end_sheet(l, status));
  return cli_print_result(l->cli, fields, plan_fields(&result, fields), error);
}

enum lam_status run_plan(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error) {
  struct plan_arguments a = {.where = NULL};
  const struct option options[] = {
      {"--where", OPTION_STRING, &a.where},
      {"--columns", OPTION_COMMAS, &a.columns},
      {"--partition", OPTION_LIST, &a.partitions},
      {"--meta-dir", OPTION_STRING, &a.meta_dir},
      {"--check-files", OPTION_FLAG, &a.check_files},
      {"--snapshot", OPTION_SIZE, &a.snapshot_size},
      {NULL, OPTION_FLAG, NULL},
  };
  return run_on_table(cli, argc, argv, options, &a, plan_table, exit_code, error);
}

/* ---- partitions ---- */

/* A count, null where it is -1. */
static void put_known(struct listing *l, int64_t count) {
  if (count < 0)
    put(l, "null");
  else
    put(l, "%" PRId64, count);
}

static void put_column(struct listing *l, const struct lam_partition_column *column, bool first) {
  const char *const texts[] = {column->min, column->max};
  const size_t sizes[] = {column->min_size, column->max_size};
  const char *const names[] = {"min", "max"};
  put(l, "%s{\"name\": ", first ? "" : ", ");
  put_string(l, column->name, strlen(column->name));
  for (int i = 0; i < 2; i++) {
    put(l, ", \"%s\": ", names[i]);
    if (texts[i] && column->is_literal)
      put(l, "%.*s", (int)sizes[i], texts[i]);
    else
      put_string(l, texts[i], sizes[i]);
  }
  put(l,
      ", \"min_exact\": %s, \"max_exact\": %s, \"may_be_nan\": %s, \"nulls\": ", column->min_exact ? "true" : "false",
      column->max_exact ? "true" : "false", column->may_be_nan ? "true" : "false");
  put_known(l, column->nulls);
  put(l, ", \"overlap\": ");
  put_known(l, column->overlap);
  put(l, "}");
}

static void put_dead(struct listing *l, int64_t dead) {
  put(l, ", \"dead_bytes\": ");
  put_known(l, dead);
}

static bool partition_json(void *user, const struct lam_partition_info *p) {
  struct listing *l = user;
  begin_object(l);
  put(l, "\"directory\": ");
  put_string(l, p->directory, strlen(p->directory));
  put(l, ", \"values\": {");
  for (size_t i = 0; i < p->value_count; i++) {
    put(l, "%s", i ? ", " : "");
    put_string(l, p->names[i], strlen(p->names[i]));
    put(l, ": ");
    put_string(l, p->values[i], p->values[i] ? strlen(p->values[i]) : 0);
  }
  put(l, "}, \"files\": %" PRIu64 ", \"small_files\": %" PRIu64 ", \"row_groups\": %" PRIu64, p->files, p->small_files,
      p->row_groups);
  put(l, ", \"rows\": %" PRIu64 ", \"bytes\": %" PRIu64, p->rows, p->bytes);
  put_dead(l, p->dead_bytes);
  put(l, ", \"columns\": [");
  for (int32_t i = 0; i < p->column_count; i++) put_column(l, &p->columns[i], i == 0);
  put(l, "]}");
  return l->status == LAM_OK;
}

/* "min … max", "~" before one that is a bound and perhaps no value, "×n" behind where up to n files overlap. */
static void bounds_cell(struct listing *l, const struct lam_partition_column *column) {
  struct lam_buf *text = &l->text;
  char overlap[32] = "";
  text->size = 0;
  if (l->status != LAM_OK) return;
  if (column->overlap > 1) snprintf(overlap, sizeof overlap, " ×%" PRId64, column->overlap);
  if (!column->min && !column->max) {
    sheet_none(&l->sheet);
    return;
  }
  const char *const parts[] = {column->min_exact || !column->min ? "" : "~", column->min ? column->min : "?", " … ",
                               column->max_exact || !column->max ? "" : "~", column->max ? column->max : "?", overlap};
  for (size_t i = 0; i < 6 && l->status == LAM_OK; i++)
    l->status = lam_buf_append(text, parts[i], strlen(parts[i]), l->error);
  if (l->status == LAM_OK) sheet_text(&l->sheet, lam_bytes_of(text->data, text->size));
}

/* Without --columns only the library knows which column there is: it comes with the first partition. */
static void begin_partitions(struct listing *l, const struct lam_partition_info *p) {
  static const char *const head[PARTITION_TITLES] = {"partition", "files", "small", "row groups",
                                                     "rows",      "bytes", "dead"};
  const struct string_list *columns = &l->arguments->columns;
  int32_t count = PARTITION_TITLES;
  memcpy(l->titles, head, sizeof head);
  for (int32_t i = 0; i < columns->count; i++) l->titles[count++] = columns->texts[i];
  if (p && p->column_count > columns->count) {
    snprintf(l->sort_key, sizeof l->sort_key, "%s", p->columns[0].name);
    l->titles[count++] = l->sort_key;
  }
  sheet_begin(&l->sheet, l->json.mem, false, l->titles, count, l->error);
  l->any = true;
}

static bool partition_line(void *user, const struct lam_partition_info *p) {
  struct listing *l = user;
  struct sheet *sheet = &l->sheet;
  if (!l->any) begin_partitions(l, p);
  sheet_whole(sheet, *p->directory ? p->directory : ".");
  sheet_number(sheet, (int64_t)p->files);
  sheet_number(sheet, (int64_t)p->small_files);
  sheet_number(sheet, (int64_t)p->row_groups);
  sheet_number(sheet, (int64_t)p->rows);
  size_cell(sheet, p->bytes);
  if (p->dead_bytes < 0)
    sheet_none(sheet);
  else
    size_cell(sheet, (uint64_t)p->dead_bytes);
  for (int32_t i = 0; i < p->column_count; i++) bounds_cell(l, &p->columns[i]);
  return l->status == LAM_OK && sheet->status == LAM_OK;
}

static enum lam_status list_partitions(struct lam_table *table, struct listing *l,
                                       const struct lam_partitions_options *options,
                                       struct lam_partitions_result *result, struct lam_error *error) {
  const int32_t most = MOST_TITLES - PARTITION_TITLES;
  if (options->column_count > most)
    return lam_fail(error, LAM_LIMIT, "%d columns do not fit into a line; at most %d, or use --json",
                    options->column_count, most);
  enum lam_status status = lam_partitions(table, options, l->cli->quiet ? NULL : partition_line, l, result, error);
  if (!l->any) begin_partitions(l, NULL);
  return end_sheet(l, status != LAM_OK ? status : l->status);
}

static enum lam_status partitions_of_table(struct lam_table *table, struct listing *l, const struct plan_arguments *a,
                                           struct lam_error *error) {
  struct lam_partitions_options options = LAM_PARTITIONS_OPTIONS_INIT;
  struct lam_partitions_result r = LAM_PARTITIONS_RESULT_INIT;
  options.columns = a->columns.texts;
  options.column_count = a->columns.count;
  options.small_size = a->small_size;
  if (l->cli->json) {
    put(l, "{\"partitions\": [");
    LAM_TRY(lam_partitions(table, &options, partition_json, l, &r, error));
  } else {
    LAM_TRY(list_partitions(table, l, &options, &r, error));
  }
  const struct result_field fields[] = {
      {"partitions", RESULT_COUNT, r.partitions, NULL},
      {"files", RESULT_COUNT, r.files, NULL},
      {"small_files", RESULT_COUNT, r.small_files, NULL},
      {"row_groups", RESULT_COUNT, r.row_groups, NULL},
      {"rows", RESULT_COUNT, r.rows, NULL},
      {"bytes", RESULT_BYTES, r.bytes, NULL},
      {"dead_bytes", RESULT_BYTES, (uint64_t)r.dead_bytes, NULL},
  };
  size_t count = sizeof fields / sizeof *fields;
  if (!l->cli->json) return cli_print_result(l->cli, fields, r.dead_bytes < 0 ? count - 1 : count, error);
  put_totals(l, fields, count - 1);
  put_dead(l, r.dead_bytes);
  put(l, "}}\n");
  return write_json(l);
}

enum lam_status run_partitions(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error) {
  struct plan_arguments a = {.where = NULL};
  const struct option options[] = {
      {"--columns", OPTION_COMMAS, &a.columns},        {"--partition", OPTION_LIST, &a.partitions},
      {"--max-file-size", OPTION_SIZE, &a.small_size}, {"--meta-dir", OPTION_STRING, &a.meta_dir},
      {"--check-files", OPTION_FLAG, &a.check_files},  {NULL, OPTION_FLAG, NULL},
  };
  return run_on_table(cli, argc, argv, options, &a, partitions_of_table, exit_code, error);
}
