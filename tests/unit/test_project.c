/* Columns and parts of nested columns chosen by name: the schema that comes out, and its leaves in a file's. */
#include "arrow_support.h"

#include "arrow/type.h"
#include "table/project.h"

/* Schemas as text: "a:i" an integer, "s:{a:i b:i}" a struct, "l:[item:i]" a list, "m:<key:i value:i>" a map. */
static const char *parse_field(const char *at, struct ArrowSchema *out);
static const char *parse_fields(const char *at, char end, struct ArrowSchema *const *out) {
  for (; *at != end; at += *at == ' ') at = parse_field(at, *out++);
  return at + 1;
}
static int64_t count_fields(const char *at) { /* up to the bracket that closes these */
  int64_t depth = 0, count = 0;
  for (; *at && depth >= 0; at++) {
    if (strchr("{[<", *at)) depth++;
    if (strchr("}]>", *at)) depth--;
    count += *at == ':' && depth == 0;
  }
  return count;
}
static const char *parse_field(const char *at, struct ArrowSchema *out) {
  char name[16];
  size_t size = strcspn(at, ":");
  snprintf(name, sizeof name, "%.*s", (int)size, at);
  at += size + 1;
  struct lam_type type = {.timezone = "", .id = LAM_TYPE_INT32};
  if (*at == 'i') {
    OK(lam_schema_init(&type, name, true, out, &error));
    return at + 1;
  }
  type.id = *at == '{' ? LAM_TYPE_STRUCT : *at == '[' ? LAM_TYPE_LIST : LAM_TYPE_MAP;
  int64_t children = type.id == LAM_TYPE_MAP ? 1 : count_fields(at + 1);
  OK(lam_schema_init_nested(&type, name, true, children, out, &error));
  if (type.id != LAM_TYPE_MAP) return parse_fields(at + 1, type.id == LAM_TYPE_STRUCT ? '}' : ']', out->children);
  type.id = LAM_TYPE_STRUCT;
  OK(lam_schema_init_nested(&type, "entries", false, 2, out->children[0], &error));
  return parse_fields(at + 1, '>', out->children[0]->children);
}
static void append_field(const struct ArrowSchema *field, char *out) {
  static const char *const brackets[] = {"{}", "[]", "<>"};
  sprintf(out + strlen(out), "%s:", field->name);
  if (field->n_children == 0) {
    strcat(out, "i");
    return;
  }
  int kind = field->format[1] == 's' ? 0 : field->format[1] == 'l' ? 1 : 2;
  if (kind == 2) field = field->children[0];
  sprintf(out + strlen(out), "%c", brackets[kind][0]);
  for (int64_t i = 0; i < field->n_children; i++) {
    if (i) strcat(out, " ");
    append_field(field->children[i], out);
  }
  sprintf(out + strlen(out), "%c", brackets[kind][1]);
}
static void parse_schema(const char *text, struct ArrowSchema *out) {
  struct lam_type type = {.id = LAM_TYPE_STRUCT, .timezone = ""};
  OK(lam_schema_init_nested(&type, "", true, count_fields(text), out, &error));
  parse_fields(text, 0, out->children);
}

static const char table[] = "a:i s:{x:i y:{u:i v:i}} l:[item:{p:i q:i}] m:<key:i value:{p:i q:i}> a.b:i";

static void test_columns(void **state) {
  (void)state;
  static const struct {
    const char *names[3], *text; /* NULL: not found, by the last name */
    bool partial;
  } cases[] = {
      {{"a"}, "a:i", false},
      {{"m", "a"}, "m:<key:i value:{p:i q:i}> a:i", false},
      {{"a.b"}, "a.b:i", false}, /* a column of that name comes first */
      {{"s.x"}, "s:{x:i}", true},
      {{"s.y"}, "s:{y:{u:i v:i}}", true},
      {{"s.y.v", "a", "s.x"}, "s:{x:i y:{v:i}} a:i", true}, /* one column, in its own order */
      {{"s.y.v", "s"}, "s:{x:i y:{u:i v:i}}", false},
      {{"s", "s.y.v"}, "s:{x:i y:{u:i v:i}}", false},
      {{"l.q"}, "l:[item:{q:i}]", true},
      {{"m.value.q"}, "m:<key:i value:{q:i}>", true}, /* keys stay */
      {{"m.key"}, "m:<key:i value:{p:i q:i}>", true}, /* and so do values, whole */
      {{"a", "none"}, NULL, false},
      {{"s.none"}, NULL, false},
      {{"a.x"}, NULL, false},
      {{"s.x.y"}, NULL, false},
      {{"s + 1"}, NULL, false},
  };
  struct ArrowSchema all;
  parse_schema(table, &all);
  assert_int_equal(lam_project_leaf_count(&all), 10);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_arena arena;
    struct ArrowSchema found;
    bool partial;
    int32_t count = 0;
    char text[200] = "";
    while (count < 3 && cases[i].names[count]) count++;
    lam_arena_init(&arena, mem);
    enum lam_status status = lam_project(&all, "t", cases[i].names, count, &arena, &found, &partial, &error);
    if (!cases[i].text) {
      snprintf(text, sizeof text, "t has no column \"%s\"", cases[i].names[count - 1]);
      assert_int_equal(status, LAM_NOT_FOUND);
      assert_string_equal(error.message, text);
    } else {
      OK(status);
      for (int64_t c = 0; c < found.n_children; c++) {
        if (c) strcat(text, " ");
        append_field(found.children[c], text);
      }
      assert_string_equal(text, cases[i].text);
      assert_int_equal(partial, cases[i].partial);
      lam_schema_release(&found);
    }
    lam_arena_release(&arena);
  }
  lam_schema_release(&all);
}

/* What is read of a file whose columns have other members, in another order. */
static void test_leaves(void **state) {
  (void)state;
  static const struct {
    const char *field, *file, *wanted;
  } cases[] = {
      {"s:{x:i y:{v:i}}", "s:{x:i y:{u:i v:i}}", "101"},
      {"s:{y:{v:i}}", "s:{z:i y:{v:i u:i} x:i}", "0100"},
      {"s:{w:i}", "s:{x:i y:{u:i v:i}}", "100"}, /* no member is there: the first leaf says where the struct is NULL */
      {"l:[item:{q:i}]", "l:[element:{p:i q:i}]", "01"},
      {"m:<key:i value:{q:i}>", "m:<k:i v:{p:i q:i}>", "101"},
      {"a:i", "a:i", "1"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct ArrowSchema field, file;
    bool wanted[8] = {false};
    char text[9] = "";
    parse_field(cases[i].field, &field);
    parse_field(cases[i].file, &file);
    lam_project_leaves(&field, &file, wanted);
    for (int32_t leaf = 0; leaf < lam_project_leaf_count(&file); leaf++) strcat(text, wanted[leaf] ? "1" : "0");
    assert_string_equal(text, cases[i].wanted);
    lam_schema_release(&field);
    lam_schema_release(&file);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(test_columns), MEM_TEST(test_leaves)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
