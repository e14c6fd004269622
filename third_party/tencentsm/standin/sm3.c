/*
 * A stand-in for libTencentSM, for tests only: see README.md. SM3 as in
 * GB/T 32905-2016 and HMAC as in GM/T 0042-2015, with that standard's letters.
 */
#include <stdlib.h>
#include <string.h>

#define HMACSIGN_WEAK
#ifdef STANDIN_PRO
#define HMACSIGN_SM3_RESULT int
#define DONE return 0
#define REFUSED return -100
#else
#define DONE return
#define REFUSED return
#endif
#include "tencentsm_min.h"

const char *version(void) {
#ifdef STANDIN_PRO
  return "standin Pro_1.7.6";
#else
  return "standin 1.7.3-2";
#endif
}

#ifdef STANDIN_PRO
extern int standin_initialised; /* init.c */
#define READY standin_initialised
#else
#define READY 1
#endif

static uint32_t rotl(uint32_t x, unsigned n) { return n % 32 ? x << n % 32 | x >> (32 - n % 32) : x; }
static uint32_t P0(uint32_t X) { return X ^ rotl(X, 9) ^ rotl(X, 17); }
static uint32_t P1(uint32_t X) { return X ^ rotl(X, 15) ^ rotl(X, 23); }

/* CF, section 5.3.3. */
static void CF(uint32_t V[8], const unsigned char *B) {
  uint32_t W[68];
  for (int j = 0; j < 16; j++)
    W[j] = (uint32_t)B[4 * j] << 24 | (uint32_t)B[4 * j + 1] << 16 | (uint32_t)B[4 * j + 2] << 8 | B[4 * j + 3];
  for (int j = 16; j < 68; j++) W[j] = P1(W[j - 16] ^ W[j - 9] ^ rotl(W[j - 3], 15)) ^ rotl(W[j - 13], 7) ^ W[j - 6];
  uint32_t A = V[0], B_ = V[1], C = V[2], D = V[3], E = V[4], F = V[5], G = V[6], H = V[7];
  for (int j = 0; j < 64; j++) {
    uint32_t T = j < 16 ? 0x79cc4519 : 0x7a879d8a;
    uint32_t SS1 = rotl(rotl(A, 12) + E + rotl(T, j), 7), SS2 = SS1 ^ rotl(A, 12);
    uint32_t FF = j < 16 ? A ^ B_ ^ C : (A & B_) | (A & C) | (B_ & C);
    uint32_t GG = j < 16 ? E ^ F ^ G : (E & F) | (~E & G);
    uint32_t TT1 = FF + D + SS2 + (W[j] ^ W[j + 4]), TT2 = GG + H + SS1 + W[j];
    D = C, C = rotl(B_, 9), B_ = A, A = TT1;
    H = G, G = rotl(F, 19), F = E, E = P0(TT2);
  }
  V[0] ^= A, V[1] ^= B_, V[2] ^= C, V[3] ^= D, V[4] ^= E, V[5] ^= F, V[6] ^= G, V[7] ^= H;
}

int SM3CtxSize(void) {
  return sizeof(sm3_ctx_t);
}

HMACSIGN_SM3_RESULT SM3Init(sm3_ctx_t *ctx) {
  static const uint32_t IV[8] = {0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e};
  memset(ctx, 0, sizeof *ctx);
  if (!READY) REFUSED;
  memcpy(ctx->digest, IV, sizeof IV);
  DONE;
}

HMACSIGN_SM3_RESULT SM3Update(sm3_ctx_t *ctx, const unsigned char *data, size_t data_len) {
  if (!READY || !data) REFUSED;
  while (data_len > 0) {
    size_t n = 64 - (size_t)ctx->num;
    if (n > data_len) n = data_len;
    memcpy(ctx->block + ctx->num, data, n);
    ctx->num += (int)n, data += n, data_len -= n;
    if (ctx->num == 64) {
      CF(ctx->digest, ctx->block);
      ctx->nblocks++, ctx->num = 0;
    }
  }
  DONE;
}

HMACSIGN_SM3_RESULT SM3Final(sm3_ctx_t *ctx, unsigned char *digest) {
  if (!READY) REFUSED;
  uint64_t bits = ((uint64_t)ctx->nblocks * 64 + (uint64_t)ctx->num) * 8;
  ctx->block[ctx->num++] = 0x80;
  if (ctx->num > 56) {
    memset(ctx->block + ctx->num, 0, 64 - (size_t)ctx->num);
    CF(ctx->digest, ctx->block);
    ctx->num = 0;
  }
  memset(ctx->block + ctx->num, 0, 56 - (size_t)ctx->num);
  for (int i = 0; i < 8; i++) ctx->block[56 + i] = (unsigned char)(bits >> (56 - 8 * i));
  CF(ctx->digest, ctx->block);
  for (int i = 0; i < 32; i++) digest[i] = (unsigned char)(ctx->digest[i / 4] >> (24 - 8 * (i % 4)));
  DONE;
}

struct stHmacSm3Ctx {
  sm3_ctx_t inner, outer;
};

static void start(TstHmacSm3Ctx *h, const unsigned char *key, size_t key_len) {
  unsigned char k[64] = {0}, pad[64];
  if (key_len > 64) {
    SM3Init(&h->inner);
    SM3Update(&h->inner, key, key_len);
    SM3Final(&h->inner, k);
  } else {
    memcpy(k, key, key_len);
  }
  for (int i = 0; i < 64; i++) pad[i] = k[i] ^ 0x36;
  SM3Init(&h->inner);
  SM3Update(&h->inner, pad, 64);
  for (int i = 0; i < 64; i++) pad[i] = k[i] ^ 0x5c;
  SM3Init(&h->outer);
  SM3Update(&h->outer, pad, 64);
}

static void finish(TstHmacSm3Ctx *h, unsigned char *mac) {
  unsigned char digest[32];
  SM3Final(&h->inner, digest);
  SM3Update(&h->outer, digest, 32);
  SM3Final(&h->outer, mac);
}

int SM3_HMAC(const unsigned char *data, size_t data_len, const unsigned char *key, size_t key_len, unsigned char *mac) {
  TstHmacSm3Ctx h;
  if (!READY) return -100;
  if (!data || !key || !mac) return -1;
  start(&h, key, key_len);
  SM3Update(&h.inner, data, data_len);
  finish(&h, mac);
  return 0;
}

TstHmacSm3Ctx *SM3_HMAC_Init(const unsigned char *key, size_t key_len) {
  if (!READY || !key) return NULL;
  TstHmacSm3Ctx *h = malloc(sizeof *h);
  if (h) start(h, key, key_len);
  return h;
}

int SM3_HMAC_Update(TstHmacSm3Ctx *h, const unsigned char *data, size_t data_len) {
  if (!READY || !h || !data) return -1;
  SM3Update(&h->inner, data, data_len);
  return 0;
}

int SM3_HMAC_Final(TstHmacSm3Ctx *h, unsigned char *mac) {
  if (!READY || !h || !mac) return -1;
  finish(h, mac);
  free(h);
  return 0;
}
