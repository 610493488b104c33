/* Files opened from their sidecars: the footer is not read. */
#include <inttypes.h>

#include "base/checksum.h"
#include "sidecar/sidecar.h"

struct opening {
  struct lam_mem *mem;
  struct lam_store *store;
  const char *key;
  struct lam_sidecar_used *used;
  struct lam_sidecar *sidecar; /* as long as the file */
};

/* Whether the footer that the sidecar was made from still is the file's. */
static enum lam_status compare_footer(const struct opening *opening, const struct lam_file *file, bool *same,
                                      struct lam_error *error) {
  const struct lam_sidecar *sidecar = opening->sidecar;
  struct lam_buf footer;
  *same = false;
  if (!sidecar->file.data) return LAM_OK;
  lam_buf_init(&footer, opening->mem);
  enum lam_status status = lam_buf_reset(&footer, sidecar->footer.parquet_length, error);
  if (status == LAM_OK)
    status = lam_file_read(file, sidecar->footer.parquet_offset, footer.data, sidecar->footer.parquet_length, error);
  if (status == LAM_OK)
    *same = lam_hash64(footer.data, sidecar->footer.parquet_length) == sidecar->file_head.footer_hash;
  lam_buf_release(&footer);
  return status;
}

static enum lam_status check_identity(const struct opening *opening, const struct lam_file *file, bool *same,
                                      struct lam_error *error) {
  struct lam_object_info info = *lam_file_info(file);
  info.size = lam_file_size(file);
  enum lam_sidecar_match match = lam_sidecar_match(opening->sidecar, &info);
  *same = match == LAM_SIDECAR_CURRENT;
  if (match != LAM_SIDECAR_MAYBE) return LAM_OK;
  opening->used->use = LAM_SIDECAR_MOVED;
  return compare_footer(opening, file, same, error);
}

static enum lam_status describe_file(struct opening *opening, const struct lam_file *file, struct lam_arena *arena,
                                     bool *there, struct lam_file_meta *out, struct lam_error *error) {
  const struct lam_sidecar_open_options options = {.token = lam_file_size(file)};
  bool same;
  LAM_TRY(lam_sidecar_open_in(opening->store, opening->key, &options, opening->mem, &opening->sidecar, error));
  uint64_t features = opening->sidecar->header.features;
  opening->used->inlined = features & PM_BLOOM && !(features & PM_BLOOM_EXTERNAL);
  LAM_TRY(check_identity(opening, file, &same, error));
  if (!same)
    return lam_fail(error, LAM_NOT_FOUND, "%s is stale: its file was changed since it was made",
                    opening->sidecar->name);
  LAM_TRY(lam_sidecar_meta(opening->sidecar, arena, there, out, error));
  if (!*there)
    return lam_fail(error, LAM_UNSUPPORTED, "%s has no schema: it was made by another program", opening->sidecar->name);
  return LAM_OK;
}

static bool is_missing(const struct opening *opening) {
  bool there;
  return lam_store_exists(opening->store, opening->key, &there, NULL) == LAM_OK && !there;
}

static enum lam_status describe(void *user, const struct lam_file *file, struct lam_arena *arena, bool *there,
                                struct lam_file_meta *out, uint64_t *footer_size, struct lam_error *error) {
  struct opening *opening = user;
  struct lam_sidecar_used *used = opening->used;
  *there = false;
  *used = (struct lam_sidecar_used){LAM_SIDECAR_USED, false, LAM_ERROR_INIT};
  enum lam_status status = describe_file(opening, file, arena, there, out, &used->why);
  if (status == LAM_OK) {
    *footer_size = opening->sidecar->footer.parquet_length;
    return LAM_OK;
  }
  *there = false;
  if (status == LAM_NO_MEMORY || status == LAM_LIMIT || status == LAM_CANCELLED) {
    lam_error_copy(error, &used->why);
    return status;
  }
  used->use =
      status == LAM_NOT_FOUND && !opening->sidecar && is_missing(opening) ? LAM_SIDECAR_MISSING : LAM_SIDECAR_UNFIT;
  return LAM_OK;
}

static void close_opening(void *user) {
  struct opening *opening = user;
  lam_sidecar_close(opening->sidecar);
  lam_free(opening->mem, opening, sizeof *opening);
}

enum lam_status lam_sidecar_file_open(struct lam_store *data, const char *key, const struct lam_file_options *options,
                                      const struct lam_object_info *listed, struct lam_store *sidecars,
                                      const char *sidecar_key, struct lam_mem *mem, struct lam_file **out,
                                      struct lam_sidecar_used *used, struct lam_error *error) {
  struct opening *opening;
  *out = NULL;
  LAM_TRY(lam_alloc_zero(mem, sizeof *opening, (void **)&opening, error));
  *opening = (struct opening){.mem = mem, .store = sidecars, .key = sidecar_key, .used = used};
  const struct lam_file_describer describer = {describe, close_opening, opening, listed};
  return lam_file_open_described(data, key, options, &describer, mem, out, error);
}
