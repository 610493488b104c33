/* Appending: the golden vector of version 2, tokens, dead footers, torn appends. */
#include "base/checksum.h"
#include "pm_support.h"

#include "fault_store.h"
#include "powercut_store.h"

static struct lam_store *store;
static struct golden g1, g2;

static int set_up(void **state) {
  open_account(state);
  OK(lam_store_memory(context, &store, &error));
  golden_make(&g1, 1);
  golden_make(&g2, 2);
  return 0;
}
static int tear_down(void **state) {
  lam_store_close(store);
  return close_account(state);
}

static const int32_t kept[] = {0, -1};
static struct lam_sidecar_format format;

static enum lam_status put1(struct lam_store *to, struct lam_error *error) {
  LAM_TRY(lam_sidecar_put(&g1.source, &format, to, "_pm", mem, NULL, error));
  return to->ops->sync_all(to, error);
}
static enum lam_status append2(struct lam_store *to, struct lam_error *error) {
  return lam_sidecar_append(to, "_pm", GOLDEN1_TOKEN, &g2.source, kept, &format, mem, error);
}
static enum lam_status open_at(struct lam_store *from, uint64_t token, bool whole, struct lam_sidecar **out,
                               struct lam_error *error) {
  return lam_sidecar_open_in(from, "_pm", &(struct lam_sidecar_open_options){.token = token, .whole = whole}, mem, out,
                             error);
}
static void want_groups(struct lam_store *from, uint64_t token, int32_t groups) {
  for (int whole = 0; whole < 2; whole++) {
    struct lam_sidecar *sidecar;
    OK(open_at(from, token, whole, &sidecar, &error));
    assert_int_equal(lam_sidecar_row_groups(sidecar), groups);
    for (int32_t i = 0; i < groups; i++) {
      uint64_t rows;
      struct lam_sidecar_chunk chunk = LAM_SIDECAR_CHUNK_INIT;
      OK(lam_sidecar_rows(sidecar, i, &rows, &error));
      assert_int_equal(rows, i ? 500 : 1000);
      OK(lam_sidecar_chunk(sidecar, i, 1, &chunk, &error));
      assert_int_equal(chunk.size, i ? 3500 : 7000);
      assert_memory_equal(chunk.max, &g2.d[2 * i + 1], 8);
    }
    lam_sidecar_close(sidecar);
  }
}

static void golden_vectors(void **state) {
  (void)state;
  uint8_t expected[GOLDEN2] = {0};
  struct lam_buf found = {.mem = mem};
  format = (struct lam_sidecar_format){.plain = true};
  OK(put1(store, &error));
  golden_bytes(1, expected);
  OK(lam_store_get(store, "_pm", 1 << 20, &found, &error));
  assert_int_equal(found.size, GOLDEN1);
  assert_memory_equal(found.data, expected, GOLDEN1);
  want_groups(store, GOLDEN1_TOKEN, 1);
  OK(append2(store, &error));
  golden_bytes(2, expected);
  OK(lam_store_get(store, "_pm", 1 << 20, &found, &error));
  assert_int_equal(found.size, GOLDEN2);
  for (size_t i = 0; i < GOLDEN2; i++)
    if (found.data[i] != expected[i]) fail_msg("byte %zu is %02x, expected %02x", i, found.data[i], expected[i]);
  want_groups(store, GOLDEN1_TOKEN, 1);
  want_groups(store, GOLDEN2_TOKEN, 2);
  want_groups(store, 0, 2);
  struct lam_sidecar *sidecar;
  FAILS(open_at(store, 5, false, &sidecar, &error), LAM_NOT_FOUND, "stale");
  lam_buf_release(&found);
}

/* SEQ_TXN and SCRATCHPAD say something of the state that they were written with: it keeps them, the next has none. */
static void sections_of_a_state_stay_with_it(void **state) {
  (void)state;
  enum { FOOTER = 240, SECTIONS = 284, END = 308, SIZE = 316 };
  uint8_t bytes[GOLDEN2] = {0};
  struct lam_output *output;
  struct lam_sidecar *sidecar;
  golden_bytes(1, bytes);
  lam_store64(bytes, SIZE);
  lam_store64(bytes + FOOTER + offsetof(struct pm_footer, features), PM_SEQ_TXN | PM_SCRATCHPAD);
  lam_store64(bytes + SECTIONS, 77);
  lam_store32(bytes + SECTIONS + 8, 1); /* one record {code, length, bytes} */
  lam_store32(bytes + SECTIONS + 12, 5);
  lam_store32(bytes + SECTIONS + 16, 4);
  lam_store32(bytes + SECTIONS + 20, 0x64636261); /* "abcd" */
  lam_store32(bytes + END, lam_crc32(0, bytes + PM_COVERED, END - PM_COVERED));
  lam_store32(bytes + END + 4, END + 4 - FOOTER);
  OK(store->ops->create(store, "_pm", &output, &error));
  OK(store->ops->write(output, bytes, SIZE, &error));
  OK(store->ops->close_output(output, &error));
  want_groups(store, GOLDEN1_TOKEN, 1);
  format = (struct lam_sidecar_format){.plain = true};
  OK(append2(store, &error));
  want_groups(store, GOLDEN1_TOKEN, 1);
  want_groups(store, GOLDEN2_TOKEN, 2);
  OK(open_at(store, GOLDEN1_TOKEN, true, &sidecar, &error));
  assert_int_equal(sidecar->footer.features, PM_SEQ_TXN | PM_SCRATCHPAD);
  lam_sidecar_close(sidecar);
  OK(open_at(store, GOLDEN2_TOKEN, true, &sidecar, &error));
  assert_int_equal(sidecar->footer.features, 0);
  assert_int_equal(sidecar->footer.previous, SIZE);
  lam_sidecar_close(sidecar);
}

/* A reader keeps what it has mapped; ours and theirs, appended to many times. */
static void readers_keep_their_snapshot(void **state) {
  (void)state;
  for (int plain = 0; plain < 2; plain++) {
    struct lam_sidecar *old;
    uint64_t rows;
    format = (struct lam_sidecar_format){.plain = plain};
    OK(put1(store, &error));
    OK(open_at(store, GOLDEN1_TOKEN, false, &old, &error));
    OK(append2(store, &error));
    for (int i = 0; i < 200; i++) { /* past several segments */
      static const int32_t both[] = {0, 1};
      g2.source.footer_offset += 1000;
      OK(lam_sidecar_append(store, "_pm", lam_sidecar_token(&g2.source) - 1000, &g2.source, both, &format, mem,
                            &error));
    }
    assert_int_equal(lam_sidecar_row_groups(old), 1);
    OK(lam_sidecar_rows(old, 0, &rows, &error));
    assert_int_equal(rows, 1000);
    want_groups(store, GOLDEN1_TOKEN, 1);
    want_groups(store, GOLDEN2_TOKEN, 2);
    want_groups(store, lam_sidecar_token(&g2.source), 2);
    lam_sidecar_close(old);
    golden_make(&g2, 2);
  }
}

/* The keeper did not commit: the next append starts from its state, behind the dead footer. */
static void dead_footers_are_passed_over(void **state) {
  (void)state;
  for (int plain = 0; plain < 2; plain++) {
    format = (struct lam_sidecar_format){.plain = plain};
    OK(put1(store, &error));
    OK(append2(store, &error));
    uint64_t dead = info_of(store, "_pm").size;
    g2.source.footer_offset += 64; /* the other attempt's footer */
    OK(append2(store, &error));
    struct lam_sidecar *sidecar;
    OK(open_at(store, lam_sidecar_token(&g2.source), true, &sidecar, &error));
    assert_true(sidecar->footer_at > dead);
    struct lam_sidecar *first;
    OK(open_at(store, GOLDEN1_TOKEN, true, &first, &error));
    assert_int_equal(sidecar->footer.previous, first->end);
    lam_sidecar_close(first);
    lam_sidecar_close(sidecar);
    FAILS(open_at(store, GOLDEN2_TOKEN, true, &sidecar, &error), LAM_NOT_FOUND, "stale");
    golden_make(&g2, 2);
  }
}

/* A footer that restates a size: the newest counts. */
static void the_newest_match_wins(void **state) {
  (void)state;
  static const int32_t one[] = {0};
  struct lam_sidecar *sidecar;
  format = (struct lam_sidecar_format){0};
  OK(put1(store, &error));
  g1.source.dead_bytes = 9;
  OK(lam_sidecar_append(store, "_pm", GOLDEN1_TOKEN, &g1.source, one, &format, mem, &error));
  OK(open_at(store, GOLDEN1_TOKEN, false, &sidecar, &error));
  assert_int_equal(sidecar->footer.dead_bytes, 9);
  lam_sidecar_close(sidecar);
}

/* Bytes behind the committed size are neither read nor overwritten. */
static void torn_tails_stay(void **state) {
  (void)state;
  for (int plain = 0; plain < 2; plain++) {
    struct lam_output *output;
    format = (struct lam_sidecar_format){.plain = plain};
    OK(put1(store, &error));
    uint64_t before = info_of(store, "_pm").size;
    OK(store->ops->append(store, "_pm", &output, NULL, &error));
    OK(store->ops->write(output, "torn!", 5, &error));
    OK(store->ops->close_output(output, &error));
    want_groups(store, GOLDEN1_TOKEN, 1);
    OK(append2(store, &error));
    struct lam_buf found = {.mem = mem};
    OK(lam_store_get(store, "_pm", 1 << 20, &found, &error));
    assert_memory_equal(found.data + before, "torn!", 5);
    lam_buf_release(&found);
    want_groups(store, GOLDEN1_TOKEN, 1);
    want_groups(store, GOLDEN2_TOKEN, 2);
  }
}

/* A row group may be replaced; another schema or order may not. */
static void what_may_change(void **state) {
  (void)state;
  static const int32_t none[] = {-1, -1};
  struct lam_sidecar *sidecar;
  struct lam_sidecar_chunk chunk = LAM_SIDECAR_CHUNK_INIT;
  format = (struct lam_sidecar_format){0};
  OK(put1(store, &error));
  OK(append2(store, &error));
  g2.chunks[0][1].compressed_size = 6000;
  g2.source.footer_offset += 100;
  OK(lam_sidecar_append(store, "_pm", GOLDEN2_TOKEN, &g2.source, none, &format, mem, &error));
  OK(open_at(store, lam_sidecar_token(&g2.source), true, &sidecar, &error));
  OK(lam_sidecar_chunk(sidecar, 0, 1, &chunk, &error));
  assert_int_equal(chunk.size, 6000);
  lam_sidecar_close(sidecar);
  g2.nodes[2].name = lam_bytes_of_string("other");
  FAILS(append2(store, &error), LAM_UNSUPPORTED, "columns");
  golden_make(&g2, 2);
  g2.i[2] = 10;
  FAILS(append2(store, &error), LAM_UNSUPPORTED, "sorted");
  golden_make(&g2, 2);
  g2.groups[0].rows = 999;
  FAILS(append2(store, &error), LAM_INVALID, "999");
}

/* Stopped at each operation in turn, under every kind of power cut: the old state is there, or the new one too. */
static void power_cuts(void **state) {
  (void)state;
  struct powercut *cut;
  struct fault *fault;
  struct lam_store *inner, *faulty;
  OK(powercut_create(context, &cut, &error));
  OK(powercut_open(cut, "data", &inner, &error));
  fault_create(&fault);
  fault_wrap(fault, inner, &faulty);
  for (uint64_t seed = 0; seed < 80; seed++) {
    enum powercut_mode mode = seed < 2 ? (enum powercut_mode)seed : POWERCUT_RANDOM;
    enum lam_status status = LAM_IO;
    format = (struct lam_sidecar_format){.plain = seed & 1};
    for (uint64_t n = 1; status != LAM_OK; n++) {
      fault_arm(fault, NULL);
      OK(put1(faulty, &error));
      fault_arm(fault, &(struct fault_plan){.at = n, .onwards = true, .after = seed % 3 == 0});
      status = append2(faulty, NULL);
      powercut_crash(cut, mode, seed);
      want_groups(inner, GOLDEN1_TOKEN, 1);
      if (status == LAM_OK) want_groups(inner, GOLDEN2_TOKEN, 2);
      /* The next writer goes on from there. */
      OK(append2(inner, &error));
      want_groups(inner, GOLDEN1_TOKEN, 1);
      want_groups(inner, GOLDEN2_TOKEN, 2);
      assert_true(n < 12);
    }
  }
  lam_store_close(faulty);
  fault_free(fault);
  lam_store_close(inner);
  powercut_free(cut);
}

/* Every operation fails once, reads too: nothing leaks, and the old state stays. */
static void faults(void **state) {
  (void)state;
  struct fault *fault;
  struct lam_store *faulty;
  fault_create(&fault);
  fault_wrap(fault, store, &faulty);
  for (int action = FAULT_FAIL; action <= FAULT_FULL; action++)
    for (uint64_t n = 1;; n++) {
      const struct fault_plan plan = {.at = n, .action = (enum fault_action)action, .reads = true};
      format = (struct lam_sidecar_format){.plain = n & 1};
      fault_arm(fault, &plan);
      enum lam_status put = put1(faulty, NULL);
      if (put == LAM_OK) {
        enum lam_status status = append2(faulty, NULL);
        want_groups(store, GOLDEN1_TOKEN, 1);
        if (status == LAM_OK) want_groups(store, GOLDEN2_TOKEN, 2);
      }
      bool fired = fault_fired(fault);
      if (!fired) break;
    }
  lam_store_close(faulty);
  fault_free(fault);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(golden_vectors, set_up, tear_down),
      cmocka_unit_test_setup_teardown(sections_of_a_state_stay_with_it, set_up, tear_down),
      cmocka_unit_test_setup_teardown(readers_keep_their_snapshot, set_up, tear_down),
      cmocka_unit_test_setup_teardown(dead_footers_are_passed_over, set_up, tear_down),
      cmocka_unit_test_setup_teardown(the_newest_match_wins, set_up, tear_down),
      cmocka_unit_test_setup_teardown(torn_tails_stay, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_may_change, set_up, tear_down),
      cmocka_unit_test_setup_teardown(power_cuts, set_up, tear_down),
      cmocka_unit_test_setup_teardown(faults, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
