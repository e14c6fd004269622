//go:build tencentsm && cgo

/*
 * The one place that calls libTencentSM. Its functions are looked up once and
 * called through what was found then, so what was checked is what runs. No
 * result is believed: codes are read where the edition has them, contexts are
 * watched, and an output must have been written.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "boundary.h"

/* Without, the address of a shared library's function would be one in this
 * program, which could not be told from an archive's. */
#ifndef __PIC__
#error "compile position-independent code: leave -fno-pic out of CGO_CFLAGS"
#endif

sm3cgo_function sm3cgo_functions[SM3CGO_FUNCTIONS] = {
    [SM3CGO_VERSION] = {.name = "version"},
    [SM3CGO_CTX_SIZE] = {.name = "SM3CtxSize"},
    [SM3CGO_INIT] = {.name = "SM3Init"},
    [SM3CGO_UPDATE] = {.name = "SM3Update"},
    [SM3CGO_FINAL] = {.name = "SM3Final"},
    [SM3CGO_MAC] = {.name = "SM3_HMAC"},
    [SM3CGO_MAC_INIT] = {.name = "SM3_HMAC_Init"},
    [SM3CGO_MAC_UPDATE] = {.name = "SM3_HMAC_Update"},
    [SM3CGO_MAC_FINAL] = {.name = "SM3_HMAC_Final"},
    [SM3CGO_LICENSE_TOKEN] = {.name = "initTencentSM"},
    [SM3CGO_LICENSE_CERT] = {.name = "initTencentSMWithCert"},
};

/* Calls a function as the type that it has; void and int need two types. */
#define CALL(index, result, ...) ((result(*)(__VA_ARGS__))sm3cgo_functions[index].address)

#define OUTPUT 32
static uint64_t poison[OUTPUT / 8];
static int pro;     /* SM3Init, SM3Update and SM3Final return codes */
static int watched; /* contexts can be read as their declaration says */

static void *locate(void *address, const char **file) {
  Dl_info info;
  if (!address || !dladdr(address, &info)) return NULL;
  *file = info.dli_fname;
  return info.dli_fbase;
}

/* Looks the functions up and returns where the program itself begins. The weak
 * ones are bound when the program is linked; dlsym finds them too where a
 * program that was linked with Lite is loaded with Pro. */
void *sm3cgo_resolve(const unsigned char *random) {
  memcpy(poison, random, sizeof poison);
  void *linked[SM3CGO_FUNCTIONS] = {
      [SM3CGO_VERSION] = (void *)version,
      [SM3CGO_CTX_SIZE] = (void *)SM3CtxSize,
      [SM3CGO_INIT] = (void *)SM3Init,
      [SM3CGO_UPDATE] = (void *)SM3Update,
      [SM3CGO_FINAL] = (void *)SM3Final,
      [SM3CGO_MAC] = (void *)SM3_HMAC,
      [SM3CGO_MAC_INIT] = (void *)SM3_HMAC_Init,
      [SM3CGO_MAC_UPDATE] = (void *)SM3_HMAC_Update,
      [SM3CGO_MAC_FINAL] = (void *)SM3_HMAC_Final,
      [SM3CGO_LICENSE_TOKEN] = (void *)initTencentSM,
      [SM3CGO_LICENSE_CERT] = (void *)initTencentSMWithCert,
  };
  for (int i = 0; i < SM3CGO_FUNCTIONS; i++) {
    sm3cgo_function *f = &sm3cgo_functions[i];
    f->address = linked[i] ? linked[i] : dlsym(RTLD_DEFAULT, f->name);
    f->base = locate(f->address, &f->file);
  }
  const char *file;
  return locate((void *)sm3cgo_resolve, &file);
}

/* Copies the version, at most room bytes of it, and returns its length, or -1
 * for NULL. */
int sm3cgo_version(char *text, int room) {
  const char *v = CALL(SM3CGO_VERSION, const char *, void)();
  if (!v) return -1;
  int n = (int)strnlen(v, (size_t)room);
  memcpy(text, v, (size_t)n);
  return n;
}

int sm3cgo_ctx_size(void) { return CALL(SM3CGO_CTX_SIZE, int, void)(); }

int sm3cgo_license_token(const char *appid, const char *token) {
  return CALL(SM3CGO_LICENSE_TOKEN, int, const char *, const char *)(appid, token);
}

int sm3cgo_license_cert(const char *appid, const char *bundleid, const char *cert) {
  return CALL(SM3CGO_LICENSE_CERT, int, const char *, const char *, const char *)(appid, bundleid, cert);
}

static sm3cgo_outcome outcome(int fault) { return (sm3cgo_outcome){fault, 0}; }
static sm3cgo_outcome coded(int code) { return (sm3cgo_outcome){code ? SM3CGO_REFUSED : SM3CGO_DONE, code}; }

/* An output of which any word is what lay there before was not computed, and
 * nothing has a digest of zeros. */
static sm3cgo_outcome written(const unsigned char *output) {
  uint64_t words[OUTPUT / 8], any = 0;
  memcpy(words, output, sizeof words);
  for (int i = 0; i < OUTPUT / 8; i++) {
    if (words[i] == poison[i]) return outcome(SM3CGO_UNWRITTEN);
    any |= words[i];
  }
  return outcome(any ? SM3CGO_DONE : SM3CGO_ZEROS);
}

/* An output as the library gets it: in C's memory, with the pattern in it and
 * behind it, where nothing may be written. */
typedef struct {
  unsigned char bytes[OUTPUT], behind[OUTPUT];
} output;

static output fresh(void) {
  output o;
  memcpy(o.bytes, poison, OUTPUT);
  memcpy(o.behind, poison, OUTPUT);
  return o;
}

static sm3cgo_outcome take(const output *o, unsigned char *to) {
  if (memcmp(o->behind, poison, OUTPUT)) return outcome(SM3CGO_BEYOND);
  memcpy(to, o->bytes, OUTPUT);
  return written(to);
}

/* A key as the library gets it: a copy, so that the key stays what it is. */
typedef struct {
  unsigned char room[256], *bytes;
  size_t len;
} key_copy;

static int copy_key(key_copy *k, const unsigned char *key, size_t len) {
  k->len = len;
  k->bytes = len <= sizeof k->room ? k->room : malloc(len);
  if (k->bytes) memcpy(k->bytes, key, len);
  return k->bytes != NULL;
}

static void forget_key(key_copy *k) {
  memset(k->bytes, 0, k->len);
  __asm__ __volatile__("" : : "r"(k->bytes) : "memory"); /* or the compiler leaves it out */
  if (k->bytes != k->room) free(k->bytes);
}

sm3cgo_outcome sm3cgo_init(sm3_ctx_t *ctx) {
  static const uint32_t IV[8] = {0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e};
  if (pro) {
    int code = CALL(SM3CGO_INIT, int, sm3_ctx_t *)(ctx);
    if (code) return coded(code);
  } else {
    CALL(SM3CGO_INIT, void, sm3_ctx_t *)(ctx);
  }
  if (watched && (memcmp(ctx->digest, IV, sizeof IV) || ctx->nblocks || ctx->num)) return outcome(SM3CGO_CONTEXT);
  return outcome(SM3CGO_DONE);
}

static uint64_t taken(const sm3_ctx_t *ctx) { return (uint64_t)ctx->nblocks * 64 + (uint64_t)ctx->num; }

/* Whether ctx took len bytes more than before, and compressed the blocks that
 * it counts. */
static int advanced(const sm3_ctx_t *ctx, const sm3_ctx_t *before, size_t len) {
  return ctx->num >= 0 && ctx->num <= 64 && taken(ctx) == taken(before) + len &&
         (ctx->nblocks == before->nblocks || memcmp(ctx->digest, before->digest, sizeof ctx->digest));
}

sm3cgo_outcome sm3cgo_update(sm3_ctx_t *ctx, const unsigned char *data, size_t len) {
  sm3_ctx_t before = *ctx;
  if (pro) {
    int code = CALL(SM3CGO_UPDATE, int, sm3_ctx_t *, const unsigned char *, size_t)(ctx, data, len);
    if (code) return coded(code);
  } else {
    CALL(SM3CGO_UPDATE, void, sm3_ctx_t *, const unsigned char *, size_t)(ctx, data, len);
  }
  return outcome(watched && !advanced(ctx, &before, len) ? SM3CGO_CONTEXT : SM3CGO_DONE);
}

sm3cgo_outcome sm3cgo_final(sm3_ctx_t *ctx, unsigned char *digest) {
  output o = fresh();
  if (pro) {
    int code = CALL(SM3CGO_FINAL, int, sm3_ctx_t *, unsigned char *)(ctx, o.bytes);
    if (code) return coded(code);
  } else {
    CALL(SM3CGO_FINAL, void, sm3_ctx_t *, unsigned char *)(ctx, o.bytes);
  }
  return take(&o, digest);
}

/* Settles how contexts are treated, with one of its own. Lite's functions tell
 * nothing else, so there they must be as declared. Pro's return codes; there
 * they are watched as well if they are as declared. */
sm3cgo_outcome sm3cgo_begin(int is_pro) {
  static const unsigned char data[65];
  sm3_ctx_t ctx;
  memset(&ctx, 0, sizeof ctx);
  pro = is_pro, watched = 1;
  sm3cgo_outcome o = sm3cgo_init(&ctx);
  if (o.fault == SM3CGO_DONE) o = sm3cgo_update(&ctx, data, sizeof data);
  if (o.fault == SM3CGO_CONTEXT && pro) {
    watched = 0;
    return outcome(SM3CGO_DONE);
  }
  return o;
}

sm3cgo_outcome sm3cgo_mac(const unsigned char *data, size_t len, const unsigned char *key, size_t key_len, unsigned char *mac) {
  output o = fresh();
  key_copy k;
  if (!copy_key(&k, key, key_len)) return outcome(SM3CGO_NO_MEMORY);
  int code = CALL(SM3CGO_MAC, int, const unsigned char *, size_t, const unsigned char *, size_t, unsigned char *)(data, len, k.bytes, key_len, o.bytes);
  forget_key(&k);
  return code ? coded(code) : take(&o, mac);
}

TstHmacSm3Ctx *sm3cgo_mac_init(const unsigned char *key, size_t key_len) {
  key_copy k;
  if (!copy_key(&k, key, key_len)) return NULL;
  TstHmacSm3Ctx *ctx = CALL(SM3CGO_MAC_INIT, TstHmacSm3Ctx *, const unsigned char *, size_t)(k.bytes, key_len);
  forget_key(&k);
  return ctx;
}

sm3cgo_outcome sm3cgo_mac_update(TstHmacSm3Ctx *ctx, const unsigned char *data, size_t len) {
  return coded(CALL(SM3CGO_MAC_UPDATE, int, TstHmacSm3Ctx *, const unsigned char *, size_t)(ctx, data, len));
}

sm3cgo_outcome sm3cgo_mac_final(TstHmacSm3Ctx *ctx, unsigned char *mac) {
  output o = fresh();
  int code = CALL(SM3CGO_MAC_FINAL, int, TstHmacSm3Ctx *, unsigned char *)(ctx, o.bytes);
  return code ? coded(code) : take(&o, mac);
}
