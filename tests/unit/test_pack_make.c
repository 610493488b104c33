/* Packs of small tables: made, trusted, passed over where they are old or damaged, and made anew. */
#include "ops_support.h"

#include "base/checksum.h"
#include "pack_support.h"
#include "place_support.h"
#include "table/journal.h"
#include "table/sweep.h"
#include "table/walk.h"

static void put_table(struct place *p) {
  begin(p);
  put_groups(p, "d=1/a.parquet", 0, 250);
  put_groups(p, "d=1/b.parquet", 250, 100);
  put_groups(p, "d=2/h=x%2Fy/a.parquet", 1000, 300);
  put_groups(p, "d=2/h=__HIVE_DEFAULT_PARTITION__/a b\xc3\xa4.parquet", 2000, 50);
  put_groups(p, "d=2!/a.parquet", 3000, 50); /* sorts before what lies in d=2 */
  put_object(p->store, "d=1/notes.txt", "no data");
}

/* The keys and identities that a reader finds, with what the pack knows if it is asked to `use` it. */
static char *listing_of(const char *path, enum lam_pack_use use, size_t *packed) {
  struct lam_directory *directory = open_place(path);
  struct lam_snapshot snapshot;
  char *text = calloc(1, TEXT);
  directory->pack_use = use;
  OK(lam_snapshot_open(directory, NULL, &snapshot, &error));
  for (size_t i = 0; i < snapshot.file_count; i++) {
    const struct lam_data_file *file = &snapshot.files[i];
    const struct lam_directory_partition *partition = &snapshot.partitions[file->partition];
    assert_true(i >= partition->first_file && i < partition->first_file + partition->file_count);
    put_text(text, "%s %llu %llu %lld in '%s'\n", file->key, (unsigned long long)file->identity.inode,
             (unsigned long long)file->identity.size, (long long)file->identity.mtime_ns, partition->directory);
  }
  put_text(text, "%llu bytes, %llu others, %zu columns\n", (unsigned long long)snapshot.bytes,
           (unsigned long long)snapshot.other_files, snapshot.column_count);
  if (packed) *packed = packed_files(&snapshot);
  lam_snapshot_release(&snapshot);
  lam_directory_close(directory);
  return text;
}

/* What trusts the pack sees what a listing shows. */
static void want_true(const char *path, size_t packed) {
  size_t trusted, looked_at;
  char *plain = listing_of(path, LAM_PACK_UNUSED, NULL), *by_pack = listing_of(path, LAM_PACK_TRUSTED, &trusted),
       *by_files = listing_of(path, LAM_PACK_FACTS, &looked_at);
  assert_string_equal(by_pack, plain);
  assert_string_equal(by_files, plain);
  assert_int_equal(trusted, packed);
  assert_int_equal(looked_at, packed);
  free(plain);
  free(by_pack);
  free(by_files);
}

static void test_trusted(void **state) {
  (void)state;
  struct place p;
  struct lam_pack_counts counts;
  put_table(&p);
  make_pack_at(p.path, false, &counts);
  assert_int_equal(counts.files, 5);
  assert_int_equal(counts.opened, 5);
  assert_int_equal(counts.unknown, 0);
  want_true(p.path, 5);
  make_pack_at(p.path, true, &counts);
  assert_int_equal(counts.opened, 0);
  want_true(p.path, 5);
  end(&p);
}

/* No directory is listed that the pack may be trusted with. */
static uint64_t listed;
static const struct lam_store_ops *real_ops;
static enum lam_status counting_list(struct lam_store *store, const char *key, lam_list_fn each, void *user,
                                     struct lam_error *e) {
  listed++;
  return real_ops->list(store, key, each, user, e);
}
static uint64_t lists_of(const char *path) {
  struct lam_directory *directory = open_place(path);
  struct lam_store_ops ops = *directory->data->ops;
  struct lam_snapshot snapshot;
  real_ops = directory->data->ops;
  ops.list = counting_list;
  directory->data->ops = &ops;
  directory->pack_use = LAM_PACK_TRUSTED;
  listed = 0;
  OK(lam_snapshot_open(directory, NULL, &snapshot, &error));
  lam_snapshot_release(&snapshot);
  directory->data->ops = real_ops;
  lam_directory_close(directory);
  return listed;
}

static void test_listed(void **state) {
  (void)state;
  struct place p;
  struct lam_directory *directory;
  put_table(&p);
  assert_int_equal(lists_of(p.path), 6);
  make_pack_at(p.path, false, NULL);
  assert_int_equal(lists_of(p.path), 0);
  put_object(p.store, "d=2/more.txt", "");
  assert_int_equal(lists_of(p.path), 1);
  /* All has changed since. */
  directory = open_place(p.path);
  OK(lam_pack_make(directory, false, ((int64_t)time(NULL) - 3600) * 1000000000, NULL, &error));
  lam_directory_close(directory);
  assert_int_equal(lists_of(p.path), 6);
  assert_false(there(p.store, "pm"));
  want_true(p.path, 5);
  end(&p);
}

static void move(struct place *p, const char *from, const char *to) {
  OK(p->store->ops->replace(p->store, from, p->store, to, &error));
}

static void test_behind_its_back(void **state) {
  (void)state;
  struct place p;
  struct lam_pack_counts counts;
  put_table(&p);
  make_pack_at(p.path, false, NULL);
  put_groups(&p, "d=1/c.parquet", 5000, 10); /* one more */
  want_true(p.path, 5);
  put_groups(&p, "d=3/h=1/a.parquet", 6000, 10); /* in a new directory */
  want_true(p.path, 5);
  OK(p.store->ops->remove(p.store, "d=1/b.parquet", &error));
  want_true(p.path, 4);
  put_groups(&p, "d=2/h=x%2Fy/a.parquet", 7000, 300); /* another file of that name */
  want_true(p.path, 3);
  move(&p, "d=1/a.parquet", "d=1/z.parquet"); /* the pack knows files by their names */
  want_true(p.path, 2);
  OK(p.store->ops->rename(p.store, "d=2!", p.store, "d=4", &error));
  want_true(p.path, 1);
  make_pack_at(p.path, true, &counts);
  assert_int_equal(counts.opened, counts.files - 1);
  want_true(p.path, counts.files);
  OK(lam_store_remove_tree(p.store, "d=2", &error));
  want_true(p.path, counts.files - 2);
  end(&p);
}

/* What is overwritten in place does not touch its directory: --check-files sees it, and so does `sidecar build`. */
static void test_in_place(void **state) {
  (void)state;
  struct lam_error error = LAM_ERROR_INIT;
  struct place p;
  struct lam_pack_counts counts;
  struct lam_table *table;
  struct lam_table_options options = LAM_TABLE_OPTIONS_INIT;
  struct lam_output *output;
  put_table(&p);
  make_pack_at(p.path, false, NULL);
  OK(p.store->ops->append(p.store, "d=1/a.parquet", &output, NULL, &error));
  OK(p.store->ops->write(output, "damage", 6, &error));
  OK(p.store->ops->close_output(output, &error));
  OK(lam_table_open(context, p.path, NULL, &table, &error)); /* as documented */
  assert_int_equal(lam_table_rows(table), 750);
  lam_table_close(table);
  options.check_files = true;
  assert_int_equal(lam_table_open(context, p.path, &options, &table, &error), LAM_CORRUPT);
  make_pack_at(p.path, true, &counts);
  assert_int_equal(counts.opened, 0);
  make_pack_at(p.path, false, &counts);
  assert_int_equal(counts.opened, 1);
  assert_int_equal(counts.unknown, 1);
  assert_int_equal(lam_table_open(context, p.path, NULL, &table, &error), LAM_CORRUPT);
  end(&p);
}

static void test_links(void **state) {
  (void)state;
  struct place p;
  char target[512], link[512];
  put_table(&p);
  put_object(p.store, "elsewhere.txt", "");
  snprintf(target, sizeof target, "%s/d=1/a.parquet", p.path);
  snprintf(link, sizeof link, "%s/d=2!/linked.parquet", p.path);
  assert_int_equal(symlink(target, link), 0);
  make_pack_at(p.path, false, NULL);
  want_true(p.path, 6);
  assert_int_equal(lists_of(p.path), 1); /* a link's target changes without its directory */
  move(&p, "d=1/b.parquet", "d=1/a.parquet");
  want_true(p.path, 3);
  end(&p);
}

/* ---- files that were appended to in place ---- */

static const char *const appended_key = "d=1/a.parquet";
static struct lam_head_file appended_line;
static bool appends_now;

static void append_bytes(struct lam_store *store, struct lam_bytes bytes) {
  struct lam_output *output;
  OK(store->ops->append(store, appended_key, &output, NULL, &error));
  OK(store->ops->write(output, bytes.data, bytes.size, &error));
  OK(store->ops->close_output(output, &error));
}
static void write_head(struct lam_directory *directory, uint64_t sequence) {
  struct lam_head head = {.sequence = sequence};
  lam_arena_init(&head.arena, mem);
  OK(lam_head_add(&head, appended_line, &error));
  OK(lam_head_write(directory, &head, &error));
  lam_head_release(&head);
}
/* The file goes on with its own footer: a state that the pack does not know, and the head does. */
static void append_footer(struct place *p, struct lam_directory *directory) {
  struct lam_buf bytes;
  lam_buf_init(&bytes, mem);
  OK(lam_store_get(p->store, appended_key, 1 << 20, &bytes, &error));
  size_t size = lam_load32(bytes.data + bytes.size - 8) + (size_t)8;
  append_bytes(p->store, lam_bytes_of(bytes.data + bytes.size - size, size));
  struct lam_object_info info = info_of(p->store, appended_key);
  appended_line = (struct lam_head_file){.key = appended_key,
                                         .identity = lam_identity_of(&info),
                                         .footer = lam_crc32(0, bytes.data + bytes.size - size, size)};
  lam_buf_release(&bytes);
  write_head(directory, 1);
}
/* Another writer begins to append when the file is looked at. */
static enum lam_status appending_stat(struct lam_store *store, const char *key, struct lam_object_info *out,
                                      struct lam_error *e) {
  struct lam_directory *writer;
  if (appends_now && strcmp(key, appended_key) == 0) {
    appends_now = false;
    appended_line.open = true;
    writer = open_place(store->root);
    write_head(writer, 1);
    append_bytes(writer->data, lam_bytes_of("torn", 4));
    lam_directory_close(writer);
  }
  return real_ops->stat(store, key, out, e);
}

static void test_appended_meanwhile(void **state) {
  (void)state;
  struct place p;
  struct lam_snapshot snapshot;
  put_table(&p);
  make_pack_at(p.path, false, NULL);
  struct lam_directory *directory = open_place(p.path);
  struct lam_store_ops ops = *directory->data->ops;
  append_footer(&p, directory);
  real_ops = directory->data->ops;
  ops.stat = appending_stat;
  directory->data->ops = &ops;
  directory->pack_use = LAM_PACK_TRUSTED;
  appends_now = true;
  OK(lam_snapshot_open(directory, NULL, &snapshot, &error));
  assert_false(appends_now);
  assert_int_equal(snapshot.file_count, 5);
  assert_string_equal(snapshot.files[0].key, appended_key);
  assert_true(lam_identity_equal(snapshot.files[0].identity, appended_line.identity));
  lam_snapshot_release(&snapshot);
  directory->data->ops = real_ops;
  lam_directory_close(directory);
  end(&p);
}

/* Nor is a pack believed that is of a later state than the head: which files were appended to is not known then. */
static void test_head_lost(void **state) {
  (void)state;
  struct place p;
  put_table(&p);
  struct lam_directory *directory = open_place(p.path);
  OK(lam_directory_prepare(directory, &error));
  appended_line = (struct lam_head_file){.key = "none"};
  write_head(directory, 7);
  make_pack_at(p.path, false, NULL);
  assert_int_equal(lists_of(p.path), 0);
  append_footer(&p, directory);
  OK(directory->meta->ops->remove(directory->meta, LAM_HEAD_KEY, &error));
  lam_directory_close(directory);
  want_true(p.path, 4);
  end(&p);
}

static void test_filtered(void **state) {
  (void)state;
  struct lam_error error = LAM_ERROR_INIT;
  struct place p;
  struct lam_table *table;
  struct lam_table_options options = LAM_TABLE_OPTIONS_INIT;
  put_table(&p);
  make_pack_at(p.path, false, NULL);
  options.partitions = (const char *const[]){"h=x/y"};
  options.partition_count = 1;
  OK(lam_table_open(context, p.path, &options, &table, &error));
  assert_int_equal(lam_table_files(table), 1);
  assert_int_equal(packed_files(&table->snapshot), 1);
  lam_table_close(table);
  options.partitions = (const char *const[]){"d=9"};
  assert_int_equal(lam_table_open(context, p.path, &options, &table, &error), LAM_NOT_FOUND);
  assert_non_null(strstr(error.message, "values of d there: "));
  end(&p);
}

static void test_refused(void **state) {
  (void)state;
  struct lam_error error = LAM_ERROR_INIT;
  struct place p;
  struct lam_directory *directory;
  put_table(&p);
  char path[256];
  snprintf(path, sizeof path, "%s/d=1/a.parquet", p.path);
  directory = open_place(path);
  assert_int_equal(lam_pack_make(directory, false, 0, NULL, &error), LAM_UNSUPPORTED);
  lam_pack_renew(directory, 1, 1);
  lam_directory_close(directory);
  OK(lam_store_make_directories(p.store, "d=1/_delta_log", &error));
  directory = open_place(p.path);
  assert_int_equal(lam_pack_make(directory, false, 0, NULL, &error), LAM_UNSUPPORTED);
  lam_directory_close(directory);
  end(&p);
}

/* Which commits make the pack of a large table anew. */
static void test_due(void **state) {
  (void)state;
  static const struct {
    uint64_t magic;
    uint32_t files;
    uint64_t sequence, now, changed;
    bool due;
  } cases[] = {
      {PACK_MAGIC, 12, 1, 2, 1, true},           {PACK_MAGIC, 100000, 10, 11, 1, false},
      {PACK_MAGIC, 100000, 10, 34, 1, false},    {PACK_MAGIC, 100000, 10, 35, 1, true}, /* 25 commits of 4,096 files */
      {PACK_MAGIC, 10000000, 10, 41, 1, false},  {PACK_MAGIC, 10000000, 10, 42, 1, true},
      {PACK_MAGIC, 100000, 10, 11, 6249, false}, {PACK_MAGIC, 100000, 10, 11, 6250, true},
      {PACK_MAGIC, 100000, 10, 10, 1, true}, /* of another history */
      {PACK_MAGIC - 1, 100000, 10, 11, 1, true},
  };
  struct place p;
  put_table(&p);
  struct lam_directory *directory = open_place(p.path);
  OK(lam_directory_prepare(directory, &error));
  lam_pack_renew(directory, 1, 100); /* a table without one gets none */
  assert_false(there(directory->meta, "pm"));
  OK(lam_store_make_directories(directory->meta, "pm", &error));
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct lam_object_info info;
    const struct pack_header head = {.magic = cases[i].magic, .files = cases[i].files, .sequence = cases[i].sequence};
    OK(lam_store_put_cache(directory->meta, LAM_PACK_KEY, lam_bytes_of(&head, sizeof head), &error));
    lam_pack_renew(directory, cases[i].now, cases[i].changed);
    OK(directory->meta->ops->stat(directory->meta, LAM_PACK_KEY, &info, &error));
    if ((info.size > sizeof head) != cases[i].due) fail_msg("case %zu", i);
  }
  OK(lam_store_put_cache(directory->meta, LAM_PACK_KEY, lam_bytes_of("x", 1), &error));
  lam_pack_renew(directory, 2, 1);
  lam_directory_close(directory);
  want_true(p.path, 5);
  end(&p);
}

static uint64_t count_of(const char *path, const char *where) {
  struct lam_table *table;
  struct lam_count_result result = LAM_COUNT_RESULT_INIT;
  OK(lam_table_open(context, path, NULL, &table, &error));
  OK(lam_table_count(table, where, &result, &error));
  lam_table_close(table);
  return result.rows;
}

/* Every byte of a pack, damaged: it is refused, or harmless. */
static void test_damage(void **state) {
  (void)state;
  struct lam_error error = LAM_ERROR_INIT;
  struct place p;
  struct lam_store *meta;
  struct lam_buf bytes;
  struct lam_pack *pack;
  char path[256];
  begin(&p);
  put_groups(&p, "d=1/a.parquet", 0, 30);
  put_groups(&p, "d=2/a.parquet", 100, 30);
  make_pack_at(p.path, false, NULL);
  snprintf(path, sizeof path, "%s.lamella", p.path);
  OK(lam_store_local(context, path, &meta, &error));
  lam_buf_init(&bytes, mem);
  OK(lam_store_get(meta, LAM_PACK_KEY, 1 << 20, &bytes, &error));
  OK(lam_pack_open_bytes(lam_bytes_of(bytes.data, bytes.size), "pack", mem, &pack, &error));
  OK(lam_pack_verify(pack, &error));
  lam_pack_close(pack);
  int refused = 0;
  for (size_t i = 0; i < bytes.size; i++) {
    bytes.data[i] ^= (uint8_t)(1 + i % 255);
    enum lam_status status = lam_pack_open_bytes(lam_bytes_of(bytes.data, bytes.size), "pack", mem, &pack, &error);
    refused += status != LAM_OK;
    if (status == LAM_OK) {
      assert_int_equal(lam_pack_verify(pack, &error), LAM_CORRUPT);
      lam_pack_close(pack);
      FILE *file;
      snprintf(path, sizeof path, "%s.lamella/pm/pack", p.path);
      assert_non_null(file = fopen(path, "wb"));
      assert_int_equal(fwrite(bytes.data, 1, bytes.size, file), bytes.size);
      assert_int_equal(fclose(file), 0);
      assert_int_equal(count_of(p.path, "id >= 120 AND value < 30"), 0);
      assert_int_equal(count_of(p.path, "id BETWEEN 25 AND 104"), 10);
    } else {
      assert_int_equal(status, LAM_CORRUPT);
    }
    bytes.data[i] ^= (uint8_t)(1 + i % 255);
  }
  assert_true(refused > (int)bytes.size / 2);
  for (size_t size = 0; size < bytes.size; size += 7)
    assert_int_equal(lam_pack_open_bytes(lam_bytes_of(bytes.data, size), "pack", mem, &pack, &error), LAM_CORRUPT);
  lam_buf_release(&bytes);
  lam_store_close(meta);
  end(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      OPS_TEST(test_trusted),         OPS_TEST(test_listed),
      OPS_TEST(test_behind_its_back), OPS_TEST(test_in_place),
      OPS_TEST(test_links),           OPS_TEST(test_filtered),
      OPS_TEST(test_refused),         OPS_TEST(test_due),
      OPS_TEST(test_damage),          OPS_TEST(test_appended_meanwhile),
      OPS_TEST(test_head_lost),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
