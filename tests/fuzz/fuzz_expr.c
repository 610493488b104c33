/* Expressions of any text: parsed, printed, parsed again, bound to a fixed schema, evaluated on a small batch with
 * NULLs, a dictionary and a struct, and decided from nothing. */
#include <stdlib.h>

#include "arrow/value_text.h"
#include "expr/expr.h"

static const struct {
  const char *name, *type;
  const char *texts[3]; /* NULL: NULL */
} columns[] = {{"i", "int32", {"1", NULL, "-3"}},
               {"l", "int64", {"9223372036854775807", "0", NULL}},
               {"ul", "uint64", {"18446744073709551615", "0", "1"}},
               {"d", "double", {"nan", "-0.0", "2.5"}},
               {"f", "float", {"0.1", "inf", NULL}},
               {"e", "decimal(9,2)", {"1.50", "-0.01", NULL}},
               {"w", "decimal(50,5)", {"1", "-99999999999999999999999999999999999999999999", NULL}},
               {"s", "string", {"abc", "\xc3\xa9", NULL}},
               {"z", "fixed_size_binary[2]", {"0000", "ffff", NULL}},
               {"b", "bool", {"true", "false", NULL}},
               {"day", "date", {"2025-11-26", "1969-12-31", NULL}},
               {"ts", "timestamp[us]", {"2025-11-26 10:00:00.5", "1969-12-31 23:59:59.999999", NULL}},
               {"ns", "timestamp[ns, UTC]", {"2025-11-26 10:00:00", "2262-04-11", NULL}},
               {"t", "time[us]", {"10:00", "23:59:59.9", NULL}}};
enum { COLUMNS = sizeof columns / sizeof *columns, ROWS = 3 };

/* Failures here are of the harness. */
static void must(enum lam_status status) {
  if (status != LAM_OK) abort();
}

static void make_batch(struct lam_mem *mem, struct ArrowSchema *schema, struct ArrowArray *batch) {
  must(lam_schema_init_struct("", COLUMNS, schema, NULL));
  must(lam_array_init_struct(ROWS, COLUMNS, batch, NULL));
  for (int i = 0; i < COLUMNS; i++) {
    struct lam_type type;
    struct lam_builder builder;
    must(lam_type_parse_name(columns[i].type, &type, NULL));
    must(lam_schema_init(&type, columns[i].name, true, schema->children[i], NULL));
    must(lam_builder_init(&builder, mem, &type, NULL));
    for (int row = 0; row < ROWS; row++)
      must(columns[i].texts[row] ? lam_value_build(&builder, lam_bytes_of_string(columns[i].texts[row]), NULL)
                                 : lam_builder_null(&builder, NULL));
    must(lam_builder_finish(&builder, batch->children[i], NULL));
    lam_builder_release(&builder);
  }
}

static void evaluate(struct lam_mem *mem, const struct lam_expr *expr, const struct ArrowSchema *schema,
                     const struct ArrowArray *batch, struct lam_error *error) {
  struct lam_evaluator *evaluator;
  struct ArrowArray array;
  uint8_t selection[1];
  int64_t selected;
  if (lam_evaluator_open(mem, expr, schema, &evaluator, error) != LAM_OK) return;
  if (expr->type.id == LAM_TYPE_BOOL) lam_evaluate_condition(evaluator, batch, selection, &selected, error);
  if (lam_evaluate(evaluator, batch, &array, error) == LAM_OK) lam_array_release(&array);
  lam_evaluator_close(evaluator);
}

static enum lam_status nothing_known(const void *user, const struct lam_expr *column, struct lam_facts_column *out,
                                     struct lam_error *error) {
  (void)user, (void)column, (void)error;
  *out = (struct lam_facts_column){.nulls = -1, .may_be_nan = true};
  return LAM_OK;
}

static void run(struct lam_mem *mem, const char *text, struct lam_arena *arena, struct lam_buf *buf) {
  struct lam_error error = LAM_ERROR_INIT;
  const struct lam_expr *expr, *again, *bound;
  struct lam_assignment *assignments;
  int32_t count;
  unsigned outcomes;
  lam_assignments_parse(text, arena, &assignments, &count, &error);
  if (lam_expr_parse(text, arena, &expr, &error) != LAM_OK) return;
  must(lam_expr_print(expr, buf, &error));
  must(lam_buf_append(buf, "", 1, &error));
  if (buf->size < 1 << 20) must(lam_expr_parse((const char *)buf->data, arena, &again, &error));
  struct ArrowSchema schema;
  struct ArrowArray batch;
  make_batch(mem, &schema, &batch);
  if (lam_expr_bind(expr, &schema, arena, &bound, &error) == LAM_OK) {
    struct lam_facts facts = {.rows = -1, .column = nothing_known};
    evaluate(mem, bound, &schema, &batch, &error);
    if (bound->type.id == LAM_TYPE_BOOL) lam_expr_decide(bound, &facts, &outcomes, &error);
  }
  lam_array_release(&batch);
  lam_schema_release(&schema);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct lam_context_options options = LAM_CONTEXT_OPTIONS_INIT;
  struct lam_context *context;
  struct lam_mem *mem;
  struct lam_arena arena;
  struct lam_buf buf;
  options.memory_limit = 256 << 20;
  if (size > 4096) return 0;
  char *text = malloc(size + 1);
  if (!text || lam_context_create(&options, &context, NULL) != LAM_OK) abort();
  must(lam_mem_open(context, 0, &mem, NULL));
  lam_copy(text, data, size);
  text[size] = 0;
  lam_arena_init(&arena, mem);
  lam_buf_init(&buf, mem);
  run(mem, text, &arena, &buf);
  lam_buf_release(&buf);
  lam_arena_release(&arena);
  lam_mem_close(mem);
  lam_context_free(context);
  free(text);
  return 0;
}
