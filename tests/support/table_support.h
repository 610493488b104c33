/* What the tests of directory tables share: a tiny table in memory, whose files need not be Parquet. */
#ifndef LAM_TESTS_TABLE_SUPPORT_H
#define LAM_TESTS_TABLE_SUPPORT_H

#include "store_support.h"
#include "table/commit.h"
#include "table/listing.h"

/* Everything below `key` as "key=bytes;" in order of keys, directories left out; the caller frees it. What a plain
 * reader would see of the table, where `parquet_only` takes only *.parquet. */
static inline void append_tree(struct lam_store *store, struct lam_arena *arena, const char *key, bool parquet_only,
                               struct lam_buf *out) {
  struct lam_entries entries;
  OK(lam_list(store, key, arena, &entries, &error));
  for (size_t i = 0; i < entries.count; i++) {
    const struct lam_entry *entry = &entries.items[i];
    char *child;
    OK(lam_key_join(arena, key, entry->name, "", &child, &error));
    if (entry->info.kind == LAM_OBJECT_DIRECTORY) {
      append_tree(store, arena, child, parquet_only, out);
      continue;
    }
    size_t size = strlen(entry->name);
    if (parquet_only && (size < 8 || strcmp(entry->name + size - 8, ".parquet") != 0)) continue;
    struct lam_buf bytes;
    lam_buf_init(&bytes, out->mem);
    OK(lam_store_get(store, child, 1 << 20, &bytes, &error));
    OK(lam_buf_append(out, child, strlen(child), &error));
    OK(lam_buf_append(out, "=", 1, &error));
    OK(lam_buf_append(out, bytes.data, bytes.size, &error));
    OK(lam_buf_append(out, ";", 1, &error));
    lam_buf_release(&bytes);
  }
}
static inline char *tree_of(struct lam_store *store, struct lam_mem *mem, bool parquet_only) {
  struct lam_arena arena;
  struct lam_buf out;
  lam_arena_init(&arena, mem);
  lam_buf_init(&out, mem);
  append_tree(store, &arena, "", parquet_only, &out);
  OK(lam_buf_append(&out, "", 1, &error));
  char *text = strdup((const char *)out.data);
  lam_buf_release(&out);
  lam_arena_release(&arena);
  return text;
}
static inline void want_tree(struct lam_store *store, struct lam_mem *mem, const char *expected) {
  char *text = tree_of(store, mem, true);
  assert_string_equal(text, expected);
  free(text);
}

/* The same as a reader of ours sees it: the files of a snapshot, each read from wherever it is. */
static inline char *snapshot_text(struct lam_directory *directory, const struct lam_snapshot *snapshot) {
  struct lam_buf out;
  struct lam_arena arena;
  lam_buf_init(&out, directory->mem);
  lam_arena_init(&arena, directory->mem);
  for (size_t i = 0; i < snapshot->file_count; i++) {
    struct lam_store *store;
    const char *key;
    struct lam_buf bytes;
    lam_buf_init(&bytes, directory->mem);
    OK(lam_snapshot_locate(directory, snapshot, &snapshot->files[i], &arena, &store, &key, &error));
    OK(lam_store_get(store, key, 1 << 20, &bytes, &error));
    OK(lam_buf_append(&out, snapshot->files[i].key, strlen(snapshot->files[i].key), &error));
    OK(lam_buf_append(&out, "=", 1, &error));
    OK(lam_buf_append(&out, bytes.data, bytes.size, &error));
    OK(lam_buf_append(&out, ";", 1, &error));
    lam_buf_release(&bytes);
  }
  OK(lam_buf_append(&out, "", 1, &error));
  char *text = strdup((const char *)out.data);
  lam_buf_release(&out);
  lam_arena_release(&arena);
  return text;
}
static inline char *seen_by_reader(struct lam_directory *directory) {
  struct lam_snapshot snapshot;
  OK(lam_snapshot_open(directory, NULL, &snapshot, &error));
  char *text = snapshot_text(directory, &snapshot);
  lam_snapshot_release(&snapshot);
  return text;
}

static inline const struct lam_data_file *file_of(const struct lam_snapshot *snapshot, const char *key) {
  for (size_t i = 0; i < snapshot->file_count; i++) {
    if (strcmp(snapshot->files[i].key, key) == 0) return &snapshot->files[i];
  }
  return NULL;
}

static inline void put_file(struct lam_store *store, const char *key, const char *text) {
  char directory[256];
  const char *name = lam_key_name(key);
  snprintf(directory, sizeof directory, "%.*s", name == key ? 0 : (int)(name - key - 1), key);
  OK(lam_store_make_directories(store, directory, &error));
  put_object(store, key, text);
}

#endif
