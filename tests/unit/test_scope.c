/* What a change depends on that it does not name: files that came or changed in its scope, and the layout. */
#include "change_support.h"

#include "table/scope.h"

/* The plan has looked at the table; then another writer comes; then the scope is checked. */
struct plan {
  struct world w;
  struct lam_snapshot known;
  struct lam_change change;
};
static void begin(struct plan *p) {
  begin_world_in_memory(&p->w);
  put_rows(p->w.data, "p=1/q=1/a.parquet", 1, 1);
  put_rows(p->w.data, "p=1/q=2/a.parquet", 2, 1);
  put_rows(p->w.data, "p=10/q=1/a.parquet", 3, 1);
  OK(lam_snapshot_open(p->w.directory, NULL, &p->known, &error));
  lam_change_init(&p->change, mem);
  p->change.known = &p->known;
}
static void end(struct plan *p) {
  lam_change_release(&p->change);
  lam_snapshot_release(&p->known);
  end_world_in_memory(&p->w);
}

static void test_where_files_come(void **state) {
  (void)state;
  static const struct {
    const char *scope[3], *outside, *within, *comes;
    bool conflict;
  } cases[] = {
      {{""}, NULL, NULL, "p=1/q=1/b.parquet", true},
      {{""}, NULL, NULL, "b.parquet", true},
      {{"p=1"}, NULL, NULL, "p=1/q=2/b.parquet", true},
      {{"p=1"}, NULL, NULL, "p=1/b.parquet", true},
      {{"p=1"}, NULL, NULL, "p=10/q=1/b.parquet", false}, /* not below it */
      {{"p=1"}, NULL, NULL, "p=1/q=2/a.parquet", true},   /* changed */
      {{"p=1"}, NULL, NULL, "p=10/q=1/a.parquet", false},
      {{"p=1/q=1"}, NULL, NULL, "p=1/q=2/b.parquet", false},
      {{"p=2", "p=1/q=2", "p=1/q=2"}, NULL, NULL, "p=1/q=2/b.parquet", true}, /* in any order, and twice */
      {{"p=2", "p=1/q=2", "p=0"}, NULL, NULL, "p=1/q=1/b.parquet", false},
      {{"p=2"}, NULL, NULL, "p=2/q=9/x/b.parquet", true}, /* a directory that was not there */
      {{""}, "p=1/q=1", NULL, "p=1/q=1/b.parquet", false},
      {{""}, "p=1/q=1", NULL, "p=1/q=2/b.parquet", true},
      {{""}, NULL, "q=1", "p=1/q=2/b.parquet", false},
      {{""}, NULL, "q=1", "p=10/q=1/b.parquet", true},
      {{""}, NULL, "q=1", "p=77/q=1/b.parquet", true}, /* matches the filter, though nobody knew it */
      {{""}, NULL, "q=1", "b.parquet", false},
      {{NULL}, NULL, NULL, "p=1/q=1/b.parquet", false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct plan p;
    struct lam_arena arena;
    struct lam_partition_filter filter;
    begin(&p);
    lam_arena_init(&arena, mem);
    for (int s = 0; s < 3 && cases[i].scope[s]; s++) OK(lam_change_scope(&p.change, cases[i].scope[s], &error));
    if (cases[i].outside) OK(lam_change_outside(&p.change, cases[i].outside, &error));
    if (cases[i].within) OK(lam_partition_filter_parse(&arena, &cases[i].within, 1, &filter, &error));
    if (cases[i].within) p.change.within = &filter;
    OK(lam_scope_check(p.w.directory, &p.change, &arena, &error));
    put_rows(p.w.data, cases[i].comes, 50, 2);
    struct lam_error why = LAM_ERROR_INIT;
    enum lam_status status = lam_scope_check(p.w.directory, &p.change, &arena, &why);
    if (status != (cases[i].conflict ? LAM_CONFLICT : LAM_OK)) fail_msg("case %zu: %s", i, why.message);
    if (cases[i].conflict) assert_non_null(strstr(why.message, cases[i].comes));
    lam_arena_release(&arena);
    end(&p);
  }
}

/* Files are added to a table that another writer may have partitioned anew. */
static void test_layout(void **state) {
  (void)state;
  static const char *const columns[] = {"p", "q"}, *const turned[] = {"q", "p"};
  const struct {
    struct lam_change_layout layout;
    uint64_t sequence;
    bool adds, conflict;
  } cases[] = {
      {{columns, 2, 4}, 4, true, false}, {{columns, 2, 4}, 5, true, false}, {{turned, 2, 4}, 5, true, true},
      {{turned, 2, 5}, 5, true, false}, /* nobody has committed since, so it is as it was planned */
      {{columns, 1, 4}, 5, true, true},  {{NULL, 0, 4}, 5, true, true},     {{turned, 2, 4}, 5, false, false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct plan p;
    struct lam_error why = LAM_ERROR_INIT;
    begin(&p);
    if (cases[i].adds) OK(lam_change_add(&p.change, "stage/x", "p=1/q=1/x.parquet", &error));
    p.change.layout = &cases[i].layout;
    enum lam_status status = lam_scope_check_layout(p.w.directory, &p.change, cases[i].sequence, &why);
    if (status != (cases[i].conflict ? LAM_CONFLICT : LAM_OK)) fail_msg("case %zu: %s", i, why.message);
    end(&p);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_where_files_come), OPS_TEST(test_layout)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
