/* lamella schema */
#include <stdlib.h>
#include <string.h>

#include "arrow/type.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/cli.h"
#include "cli/sheet.h"
#include "lamella/change.h"

/* ---- showing it ---- */

static enum lam_status put(struct lam_buf *out, const char *text, struct lam_error *error) {
  return lam_buf_append(out, text, strlen(text), error);
}

/* "list<element: int64>", "struct<a: string, b: date32 not null>" */
static enum lam_status put_type(const struct ArrowSchema *field, int depth, struct lam_buf *out,
                                struct lam_error *error) {
  struct lam_type type;
  char name[96];
  if (field->dictionary) field = field->dictionary;
  LAM_TRY(lam_type_parse(field, &type, error));
  LAM_TRY(put(out, lam_type_name(&type, name, sizeof name), error));
  if (field->n_children == 0 || depth > LAM_TYPE_DEEPEST) return LAM_OK;
  const struct ArrowSchema *members = type.id == LAM_TYPE_MAP ? field->children[0] : field;
  LAM_TRY(put(out, "<", error));
  for (int64_t i = 0; i < members->n_children; i++) {
    const struct ArrowSchema *child = members->children[i];
    if (i > 0) LAM_TRY(put(out, ", ", error));
    if (type.id == LAM_TYPE_STRUCT) {
      LAM_TRY(put(out, child->name, error));
      LAM_TRY(put(out, ": ", error));
    }
    LAM_TRY(put_type(child, depth + 1, out, error));
    if (type.id == LAM_TYPE_STRUCT && !(child->flags & ARROW_FLAG_NULLABLE)) LAM_TRY(put(out, " not null", error));
  }
  return put(out, ">", error);
}

static void put_column(struct sheet *sheet, const struct ArrowSchema *column, struct lam_buf *text) {
  int32_t id = lam_schema_field_id(column);
  text->size = 0;
  enum lam_status status = put_type(column, 0, text, sheet->error);
  if (status == LAM_OK) status = lam_buf_append(text, "", 1, sheet->error);
  if (status != LAM_OK) sheet->status = status;
  if (status != LAM_OK) return;
  sheet_whole(sheet, column->name);
  sheet_whole(sheet, (const char *)text->data);
  sheet_flag(sheet, column->flags & ARROW_FLAG_NULLABLE);
  if (id < 0)
    sheet_none(sheet);
  else
    sheet_number(sheet, id);
}

static enum lam_status put_columns(struct cli *cli, const struct ArrowSchema *schema, struct lam_mem *mem,
                                   struct lam_error *error) {
  static const char *const titles[] = {"name", "type", "nullable", "field id"};
  struct sheet sheet;
  struct lam_buf text;
  if (cli->json) LAM_TRY(cli_write("{\"columns\": [", 13, error));
  lam_buf_init(&text, mem);
  sheet_begin(&sheet, mem, cli->json, titles, 4, error);
  for (int64_t i = 0; i < schema->n_children && sheet.status == LAM_OK; i++)
    put_column(&sheet, schema->children[i], &text);
  enum lam_status status = sheet_end(&sheet);
  lam_buf_release(&text);
  return status == LAM_OK && cli->json ? cli_write("]}\n", 3, error) : status;
}

static enum lam_status show(struct cli *cli, const char *path, const char *meta_dir, struct lam_error *error) {
  struct lam_table_options options = LAM_TABLE_OPTIONS_INIT;
  struct lam_table *table;
  struct ArrowSchema schema;
  struct lam_mem *mem;
  options.meta_dir = meta_dir;
  LAM_TRY(lam_table_open(cli->context, path, &options, &table, error));
  enum lam_status status = lam_table_schema(table, &schema, error);
  lam_table_close(table);
  if (status != LAM_OK) return status;
  status = lam_mem_open(cli->context, 1 << 20, &mem, error);
  if (status == LAM_OK) {
    status = put_columns(cli, &schema, mem, error);
    lam_mem_close(mem);
  }
  schema.release(&schema);
  return status;
}

/* ---- changing it ---- */

struct schema_arguments {
  struct change_arguments change;
  struct string_list add, drop, rename, widen, nullable;
};

/* Cuts a text in two: at the blank behind a name, which may stand in double quotes (twice for one), or at a '='. */
static enum lam_status cut(const char *option, const char *text, char between, const char *expected,
                           struct lam_schema_step *out, struct lam_error *error) {
  char *name = (char *)(uintptr_t)text, *to = name, *at = name; /* an argument of the process, its to write */
  bool quoted = *at == '"';
  if (quoted)
    for (at++; *at && (*at != '"' || at[1] == '"'); at++) {
      at += *at == '"';
      *to++ = *at;
    }
  else
    to = at += strcspn(at, between == ' ' ? " \t" : "=");
  at += quoted && *at == '"';
  bool fine = *at == between || (between == ' ' && *at == '\t');
  if (!fine || to == name || !at[1])
    return lam_fail(error, LAM_INVALID, "%s '%s': expected %s", option, text, expected);
  *to = 0;
  out->column = name;
  out->to = at + 1 + strspn(at + 1, between == ' ' ? " \t" : "");
  return LAM_OK;
}

static enum lam_status make_steps(struct schema_arguments *a, struct lam_schema_change_options *out,
                                  struct lam_error *error) {
  const struct {
    const char *option;
    const struct string_list *texts;
    enum lam_schema_change_kind kind;
    char between; /* 0: the text is a name */
    const char *expected;
  } lists[] = {
      {"--add", &a->add, LAM_SCHEMA_ADD, ' ', "'name type', as 'price decimal(10,2)'"},
      {"--drop", &a->drop, LAM_SCHEMA_DROP, 0, NULL},
      {"--rename", &a->rename, LAM_SCHEMA_RENAME, '=', "old=new"},
      {"--widen", &a->widen, LAM_SCHEMA_WIDEN, '=', "name=type, as count=bigint"},
      {"--nullable", &a->nullable, LAM_SCHEMA_NULLABLE, 0, NULL},
  };
  struct lam_schema_step *steps;
  size_t count = 0, made = 0;
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) count += (size_t)lists[i].texts->count;
  LAM_TRY(args_alloc(count + 1, sizeof *steps, &steps, error));
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
    for (int32_t k = 0; k < lists[i].texts->count; k++) {
      const char *text = lists[i].texts->texts[k];
      struct lam_schema_step *step = &steps[made++];
      *step = (struct lam_schema_step){.kind = (int)lists[i].kind, .column = text};
      if (lists[i].between) LAM_TRY(cut(lists[i].option, text, lists[i].between, lists[i].expected, step, error));
    }
  }
  out->steps = steps;
  out->step_count = (int32_t)made;
  return LAM_OK;
}

static enum lam_status change_schema(struct cli *cli, const char *path, const struct lam_schema_change_options *options,
                                     struct lam_error *error) {
  struct lam_edit_result r = LAM_EDIT_RESULT_INIT;
  uint64_t start = cli_now_ms();
  LAM_TRY(lam_schema_change(cli->context, path, options, &r, error));
  return cli_print_edit(cli, "schema", options->change.dry_run, &r, start, error);
}

enum lam_status run_schema(struct cli *cli, int argc, char **argv, int *exit_code, struct lam_error *error) {
  struct schema_arguments a = {.add = {.count = 0}};
  struct lam_schema_change_options options = LAM_SCHEMA_CHANGE_OPTIONS_INIT;
  struct string_list words = {.count = 0};
  struct option table[24] = {
      {"--add", OPTION_LIST, &a.add},           {"--drop", OPTION_LIST, &a.drop},
      {"--rename", OPTION_LIST, &a.rename},     {"--widen", OPTION_LIST, &a.widen},
      {"--nullable", OPTION_LIST, &a.nullable},
  };
  cli_change_options(&a.change, &table[5]);
  LAM_TRY(cli_begin(cli, argc, argv, table, &words, 1, 1, exit_code, error));
  if (cli->help) return LAM_OK;
  *exit_code = EXIT_USAGE;
  LAM_TRY(cli_change(&a.change, &options.change, error));
  LAM_TRY(make_steps(&a, &options, error));
  const struct change_arguments *c = &a.change;
  if (!options.step_count &&
      (c->dry_run || c->partitions.count || c->backup || c->verify || c->mode || c->compression || c->bloom))
    return lam_fail(error, LAM_INVALID, "no change of the columns is asked for, and options of changes are given");
  *exit_code = EXIT_FAILED;
  LAM_TRY(options.step_count ? change_schema(cli, words.texts[0], &options, error)
                             : show(cli, words.texts[0], a.change.meta_dir, error));
  *exit_code = EXIT_DONE;
  return LAM_OK;
}
