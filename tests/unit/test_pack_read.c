/* What a pack is believed: directories by their times, and no byte that its checksums do not cover. */
#include "arrow_support.h"
#include "sidecar/pack.h"

#define SECOND INT64_C(1000000000)
enum { TAKEN = 1000 }; /* seconds: when the listing began */

static const struct pack_directory root = {
    .inode = 5, .mtime_ns = 900 * SECOND + 1, .ctime_ns = 901 * SECOND + 1, .others = 3};

static struct lam_pack *make(const struct pack_directory *directory, struct lam_buf *bytes) {
  struct lam_pack_builder *b;
  struct lam_pack *pack;
  lam_buf_init(bytes, mem);
  OK(lam_pack_builder_open(mem, 1, &b, &error));
  OK(lam_pack_add_directory(b, "", *directory, &error));
  OK(lam_pack_add_file(b, "a.parquet", (struct pack_file){.schema = PACK_NONE}, NULL, &error));
  OK(lam_pack_finish(b, TAKEN * SECOND, 1, bytes, &error));
  lam_pack_builder_close(b);
  OK(lam_pack_open_bytes(lam_bytes_of(bytes->data, bytes->size), "made", mem, &pack, &error));
  return pack;
}
static bool trusts(struct pack_directory then, struct lam_object_info now) {
  struct lam_buf bytes;
  struct lam_pack *pack = make(&then, &bytes);
  bool trusted = lam_pack_trusts(pack, 0, &now);
  lam_pack_close(pack);
  lam_buf_release(&bytes);
  return trusted;
}
static struct lam_object_info same_as(const struct pack_directory *then) {
  return (struct lam_object_info){
      .kind = LAM_OBJECT_DIRECTORY, .inode = then->inode, .mtime_ns = then->mtime_ns, .ctime_ns = then->ctime_ns};
}

static void test_trust(void **state) {
  (void)state;
  struct lam_object_info info = same_as(&root);
  assert_true(trusts(root, info));
  info.inode++;
  assert_false(trusts(root, info));
  info = same_as(&root), info.mtime_ns--;
  assert_false(trusts(root, info));
  info = same_as(&root), info.ctime_ns++;
  assert_false(trusts(root, info));
  info = same_as(&root), info.kind = LAM_OBJECT_FILE;
  assert_false(trusts(root, info));
  struct pack_directory links = root;
  links.flags = PACK_HAS_LINKS;
  assert_false(trusts(links, same_as(&links)));
}

/* A time so close to the listing that another change could have come in the same tick of the clock. */
static void test_grain(void **state) {
  (void)state;
  static const struct {
    int64_t changed;
    bool trusted;
  } cases[] = {
      {TAKEN * SECOND - SECOND / 10 - 1, true},
      {TAKEN * SECOND - SECOND / 10, true},
      {TAKEN * SECOND - SECOND / 10 + 1, false},
      {TAKEN * SECOND + 1, false},
      {(TAKEN - 2) * SECOND, true}, /* without parts of a second: two of them */
      {(TAKEN - 1) * SECOND, false},
      {INT64_MAX, false},
      {INT64_MIN, true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    for (int which = 0; which < 2; which++) {
      struct pack_directory then = root;
      *(which ? &then.mtime_ns : &then.ctime_ns) = cases[i].changed;
      if (trusts(then, same_as(&then)) != cases[i].trusted) fail_msg("case %zu, time %d", i, which);
    }
}

/* Every byte flipped, and every length: refused when it is opened or verified, or one that pads. */
static void test_damage(void **state) {
  (void)state;
  struct lam_buf bytes;
  struct lam_pack *pack = make(&root, &bytes);
  OK(lam_pack_verify(pack, &error));
  lam_pack_close(pack);
  for (size_t i = 0; i < bytes.size; i++) {
    bytes.data[i] ^= 0x41;
    enum lam_status status = lam_pack_open_bytes(lam_bytes_of(bytes.data, bytes.size), "made", mem, &pack, &error);
    if (status == LAM_OK) {
      status = lam_pack_verify(pack, &error);
      lam_pack_close(pack);
    }
    if (status != LAM_CORRUPT) fail_msg("byte %zu: %s", i, lam_status_name(status));
    assert_non_null(strstr(error.message, "made: "));
    bytes.data[i] ^= 0x41;
  }
  for (size_t size = 0; size < bytes.size; size++)
    assert_int_equal(lam_pack_open_bytes(lam_bytes_of(bytes.data, size), "made", mem, &pack, &error), LAM_CORRUPT);
  lam_buf_release(&bytes);
}

static void test_messages(void **state) {
  (void)state;
  struct lam_buf bytes;
  struct lam_pack *pack = make(&root, &bytes);
  lam_pack_close(pack);
  const struct lam_bytes short_one = lam_bytes_of(bytes.data, bytes.size - 8);
  FAILS(lam_pack_open_bytes(short_one, "made", mem, &pack, &error), LAM_CORRUPT, "its header says that it has");
  FAILS(lam_pack_open_bytes(lam_bytes_of(bytes.data, 100), "made", mem, &pack, &error), LAM_CORRUPT, "100 bytes");
  bytes.data[0] = 'l';
  FAILS(lam_pack_open_bytes(lam_bytes_of(bytes.data, bytes.size), "made", mem, &pack, &error), LAM_CORRUPT,
        "not as a pack does");
  assert_null(pack);
  lam_buf_release(&bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {MEM_TEST(test_trust), MEM_TEST(test_grain), MEM_TEST(test_damage),
                                     MEM_TEST(test_messages)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
