/* Journals and heads of any text: read within their bytes, or refused with a message; what was read is written and read
 * as the same again, and no key leads out of the table.
 *
 * The first byte says whether it is a head, and whether the checksum at the end is made right first. */
#include <stdio.h>
#include <stdlib.h>

#include "base/checksum.h"
#include "table/directory.h"
#include "table/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition) {
  if (!condition) abort();
}

static void check_key(const char *key) {
  check(key && key[0] != '/' && strcmp(key, "..") != 0 && strncmp(key, "../", 3) != 0 && !strstr(key, "/../"));
}

static void same_text(const struct lam_buf *a, const struct lam_buf *b) {
  check(lam_bytes_equal(lam_bytes_of(a->data, a->size), lam_bytes_of(b->data, b->size)));
}

static void fuzz_journal(struct lam_bytes text, struct lam_mem *mem) {
  struct lam_journal journal, again;
  struct lam_error error = LAM_ERROR_INIT;
  struct lam_buf out, second;
  enum lam_status status = lam_journal_decode(text, mem, &journal, &error);
  if (status == LAM_OK) {
    lam_buf_init(&out, mem);
    lam_buf_init(&second, mem);
    for (size_t i = 0; i < journal.directory_count; i++) {
      const struct lam_journal_directory *directory = &journal.directories[i];
      check_key(directory->key);
      check_key(directory->staged);
      for (size_t f = 0; f < directory->file_count; f++) check(!strchr(directory->files[f].name, '/'));
    }
    check(lam_journal_encode(&journal, &out, NULL) == LAM_OK);
    check(lam_journal_decode(lam_bytes_of(out.data, out.size), mem, &again, NULL) == LAM_OK);
    check(lam_journal_encode(&again, &second, NULL) == LAM_OK);
    same_text(&out, &second);
    lam_journal_release(&again);
    lam_buf_release(&out);
    lam_buf_release(&second);
  } else {
    check(error.message[0] != 0);
  }
  lam_journal_release(&journal);
}

static void fuzz_head(struct lam_bytes text, struct lam_store *store, struct lam_mem *mem) {
  struct lam_head head, again;
  struct lam_error error = LAM_ERROR_INIT;
  struct lam_buf out, second;
  bool there;
  check(lam_store_put(store, LAM_HEAD_KEY, text, NULL) == LAM_OK);
  enum lam_status status = lam_head_read(store, mem, &there, &head, &error);
  if (status == LAM_OK) {
    lam_buf_init(&out, mem);
    lam_buf_init(&second, mem);
    for (size_t i = 0; i < head.file_count; i++) check_key(head.files[i].key);
    check(lam_head_encode(&head, &out, NULL) == LAM_OK);
    check(lam_store_put(store, LAM_HEAD_KEY, lam_bytes_of(out.data, out.size), NULL) == LAM_OK);
    check(lam_head_read(store, mem, &there, &again, NULL) == LAM_OK);
    check(lam_head_encode(&again, &second, NULL) == LAM_OK);
    same_text(&out, &second);
    lam_head_release(&again);
    lam_buf_release(&out);
    lam_buf_release(&second);
  } else {
    check(error.message[0] != 0);
  }
  lam_head_release(&head);
}

/* The checksum line takes the place of the last one. */
static size_t repair(char *text, size_t size, size_t room) {
  while (size > 0 && text[size - 1] == '\n') size--;
  while (size > 0 && text[size - 1] != '\n') size--;
  uint32_t sum = lam_crc32(0, text, size);
  return size + (size_t)snprintf(text + size, room - size, "end %08x\n", sum);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  enum { MORE = 32 };
  static struct lam_context *context;
  static struct lam_store *store;
  struct lam_context_options small = LAM_CONTEXT_OPTIONS_INIT;
  struct lam_mem *mem;
  void *text;
  small.threads = 1, small.memory_limit = 64 << 20;
  if (!context) check(lam_context_create(&small, &context, NULL) == LAM_OK);
  if (!store) check(lam_store_memory(context, &store, NULL) == LAM_OK);
  if (size < 1) return 0;
  check(lam_mem_open(context, 0, &mem, NULL) == LAM_OK);
  check(lam_alloc(mem, size + MORE, &text, NULL) == LAM_OK);
  lam_copy(text, data + 1, size - 1);
  size_t used = data[0] & 1 ? repair(text, size - 1, size + MORE) : size - 1;
  if (data[0] & 2)
    fuzz_head(lam_bytes_of(text, used), store, mem);
  else
    fuzz_journal(lam_bytes_of(text, used), mem);
  lam_free(mem, text, size + MORE);
  check(lam_mem_used(mem) == 0);
  lam_mem_close(mem);
  return 0;
}
