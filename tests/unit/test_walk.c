/* Walks over tables: what is listed, what a filter rules out, links, depth, directories that a pack may be trusted
 * with. */
#include "place_support.h"

#include "pack_support.h"
#include "table/walk.h"

/* Walks and describes: "<directory>:<file>,<file>,;" for each directory in order; "*" before what was not listed. */
static char *walk_text(struct lam_directory *directory, const char *filter_text, const struct lam_pack *pack,
                       struct lam_arena *arena, struct lam_walk *walk) {
  char *text = calloc(1, TEXT);
  struct lam_partition_filter filter;
  OK(lam_partition_filter_parse(arena, &filter_text, filter_text ? 1 : 0, &filter, &error));
  *walk = (struct lam_walk){
      .directory = directory, .filter = filter_text ? &filter : NULL, .arena = arena, .pack = pack, .record = !pack};
  OK(lam_walk_all(walk, &error));
  for (size_t i = 0; i < walk->walked_count; i++) {
    const struct lam_walked *walked = &walk->walked[i];
    put_text(text, "%s%s:", walked->trusted ? "*" : "", walked->key);
    for (size_t f = walked->first; !walked->trusted && f < walked->first + walked->count; f++)
      put_text(text, "%s,", walk->found.items[f].name);
    if (walked->trusted) put_text(text, "%d", (int)walked->count);
    put_text(text, ";");
  }
  walk->filter = NULL; /* it was ours */
  return text;
}
static void want_walk(struct lam_directory *directory, const char *filter, const struct lam_pack *pack,
                      struct lam_arena *arena, struct lam_walk *walk, const char *expected) {
  char *text = walk_text(directory, filter, pack, arena, walk);
  assert_string_equal(text, expected);
  free(text);
}

static void put_table(struct place *p) {
  put_object(p->store, "top.parquet", "x");
  put_object(p->store, "notes.txt", "x");
  put_object(p->store, "_SUCCESS", "");
  OK(lam_store_make_directories(p->store, "d=1/h=1", &error));
  OK(lam_store_make_directories(p->store, "d=1/h=2", &error));
  OK(lam_store_make_directories(p->store, "d=2", &error));
  OK(lam_store_make_directories(p->store, "_temporary", &error));
  put_object(p->store, "d=1/h=1/b.parquet", "x");
  put_object(p->store, "d=1/h=1/a.parquet", "x");
  put_object(p->store, "d=2/c.parquet", "x");
}

/* A table that is open, and what its walks are allocated in. */
struct walked_place {
  struct place place;
  struct lam_directory *directory;
  struct lam_arena arena;
};
static void begin_table(struct walked_place *w) {
  begin(&w->place);
  put_table(&w->place);
  w->directory = open_place(w->place.path);
  lam_arena_init(&w->arena, mem);
}
static void end_table(struct walked_place *w) {
  lam_arena_release(&w->arena);
  lam_directory_close(w->directory);
  end(&w->place);
}

static void test_all(void **state) {
  (void)state;
  struct walked_place w;
  struct lam_walk walk;
  begin_table(&w);
  want_walk(w.directory, NULL, NULL, &w.arena, &walk,
            ":top.parquet,;d=1:;d=1/h=1:a.parquet,b.parquet,;d=1/h=2:;d=2:c.parquet,;");
  assert_int_equal(walk.other_files, 2);
  assert_true(walk.matched && !walk.foreign);
  assert_int_equal(walk.walked[0].others, 2);
  assert_true(walk.walked[0].info.inode != 0);
  end_table(&w);
}

static void test_filter(void **state) {
  (void)state;
  struct walked_place w;
  struct lam_walk walk;
  begin_table(&w);
  /* Files above the level that the filter names do not match. */
  want_walk(w.directory, "h=1", NULL, &w.arena, &walk, ":;d=1:;d=1/h=1:a.parquet,b.parquet,;d=2:;");
  assert_true(walk.matched);
  assert_int_equal(walk.seen_count, 4); /* d=1, d=2, h=1, h=2 */
  want_walk(w.directory, "d=3", NULL, &w.arena, &walk, ":;");
  assert_false(walk.matched);
  assert_int_equal(walk.found.count, 0);
  end_table(&w);
}

/* Links to files and directories are followed and said; one that leads nowhere is none; a loop ends. */
static void test_links(void **state) {
  (void)state;
  struct walked_place w;
  struct lam_walk walk;
  char from[600], to[600];
  begin_table(&w);
  static const char *const links[][2] = {
      {"d=1/h=1/b.parquet", "d=2/x.parquet"}, {"d=1/h=1", "d=2/h=9"}, {"nowhere", "d=2/y.parquet"}};
  for (size_t i = 0; i < 3; i++) {
    snprintf(from, sizeof from, "%s/%s", w.place.path, links[i][0]);
    snprintf(to, sizeof to, "%s/%s", w.place.path, links[i][1]);
    assert_int_equal(symlink(from, to), 0);
  }
  want_walk(w.directory, "d=2", NULL, &w.arena, &walk, ":;d=2:c.parquet,x.parquet,;d=2/h=9:a.parquet,b.parquet,;");
  static const bool through[] = {false, true, true, true};
  for (size_t i = 0; i < 4; i++) assert_int_equal(walk.found.items[i].through_link, through[i]);
  assert_true(walk.walked[1].has_links && !walk.walked[1].through_link && walk.walked[2].through_link);
  snprintf(to, sizeof to, "%s/loop", w.place.path);
  assert_int_equal(symlink(w.place.path, to), 0);
  walk = (struct lam_walk){.directory = w.directory, .arena = &w.arena};
  FAILS(lam_walk_all(&walk, &error), LAM_UNSUPPORTED, "symbolic links");
  assert_int_equal(unlink(to), 0);
  end_table(&w);
}

/* 64 directories deep is fine, 65 is not. */
static void test_deep(void **state) {
  (void)state;
  for (int depth = 64; depth <= 65; depth++) {
    struct place p;
    struct lam_walk walk;
    struct lam_arena arena;
    char key[200] = "x";
    begin(&p);
    while (strlen(key) < (size_t)(2 * depth - 1)) strcat(key, "/x");
    OK(lam_store_make_directories(p.store, key, &error));
    struct lam_directory *directory = open_place(p.path);
    lam_arena_init(&arena, mem);
    walk = (struct lam_walk){.directory = directory, .arena = &arena};
    if (depth == 64)
      OK(lam_walk_all(&walk, &error));
    else
      FAILS(lam_walk_all(&walk, &error), LAM_UNSUPPORTED, "more than 64 directories deep");
    if (depth == 64) assert_int_equal(walk.walked_count, 65);
    lam_arena_release(&arena);
    lam_directory_close(directory);
    end(&p);
  }
}

/* Directories that are as the pack has them are not listed; one that has changed is. */
static void test_pack(void **state) {
  (void)state;
  struct place p;
  struct lam_walk walk;
  struct lam_arena arena;
  struct lam_pack_counts counts;
  struct lam_pack *pack;
  begin(&p);
  put_groups(&p, "d=1/h=1/a.parquet", 1, 3);
  put_groups(&p, "d=1/h=1/b.parquet", 4, 3);
  put_groups(&p, "d=2/c.parquet", 7, 3);
  make_pack_at(p.path, true, &counts);
  struct lam_directory *directory = open_place(p.path);
  lam_arena_init(&arena, mem);
  OK(lam_pack_open(directory->meta, "pm/pack", mem, &pack, &error));
  want_walk(directory, NULL, pack, &arena, &walk, "*:0;*d=1:0;*d=1/h=1:2;*d=2:1;");
  assert_int_equal(walk.found.count, 0);
  want_walk(directory, "d=2", pack, &arena, &walk, "*:0;*d=2:1;");
  put_object(p.store, "d=2/new.parquet", "x");
  want_walk(directory, NULL, pack, &arena, &walk, "*:0;*d=1:0;*d=1/h=1:2;d=2:c.parquet,new.parquet,;");
  lam_pack_close(pack);
  lam_arena_release(&arena);
  lam_directory_close(directory);
  end(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {OPS_TEST(test_all), OPS_TEST(test_filter), OPS_TEST(test_links),
                                     OPS_TEST(test_deep), OPS_TEST(test_pack)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
