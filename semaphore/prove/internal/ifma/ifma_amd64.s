//go:build !purego

#include "textflag.h"

// Constants: q in 52-bit limbs, -1/q mod 2^52, and the mask.
DATA constants<>+0(SB)/8, $0x8c16d87cfd47
DATA constants<>+8(SB)/8, $0x916871ca8d3c2
DATA constants<>+16(SB)/8, $0x181585d97816a
DATA constants<>+24(SB)/8, $0xa029b85045b68
DATA constants<>+32(SB)/8, $0x30644e72e131
DATA constants<>+40(SB)/8, $0x20782e4866389
DATA constants<>+48(SB)/8, $0xfffffffffffff
GLOBL constants<>(SB), RODATA|NOPTR, $56

// Z25..Z29 = q, Z30 = -1/q, Z31 = mask.
#define CONSTANTS \
	VPBROADCASTQ constants<>+0(SB), Z25; \
	VPBROADCASTQ constants<>+8(SB), Z26; \
	VPBROADCASTQ constants<>+16(SB), Z27; \
	VPBROADCASTQ constants<>+24(SB), Z28; \
	VPBROADCASTQ constants<>+32(SB), Z29; \
	VPBROADCASTQ constants<>+40(SB), Z30; \
	VPBROADCASTQ constants<>+48(SB), Z31

#define LOAD(p, r0, r1, r2, r3, r4) \
	VMOVDQU64 0(p), r0; \
	VMOVDQU64 64(p), r1; \
	VMOVDQU64 128(p), r2; \
	VMOVDQU64 192(p), r3; \
	VMOVDQU64 256(p), r4

#define STORE(r0, r1, r2, r3, r4, p) \
	VMOVDQU64 r0, 0(p); \
	VMOVDQU64 r1, 64(p); \
	VMOVDQU64 r2, 128(p); \
	VMOVDQU64 r3, 192(p); \
	VMOVDQU64 r4, 256(p)

// One limb of y, at off(p), times x in Z0..Z4, and one limb of the Montgomery
// reduction. The low limb t0 becomes zero and its carry goes to t1.
#define ROUND(off, p, t0, t1, t2, t3, t4, t5) \
	VMOVDQU64   off(p), Z5; \
	VPXORQ      t5, t5, t5; \
	VPXORQ      Z6, Z6, Z6; \
	VPMADD52LUQ Z5, Z0, t0; \
	VPMADD52HUQ Z5, Z0, t1; \
	VPMADD52LUQ Z30, t0, Z6; \
	VPMADD52LUQ Z5, Z1, t1; \
	VPMADD52HUQ Z5, Z1, t2; \
	VPMADD52LUQ Z5, Z2, t2; \
	VPMADD52HUQ Z5, Z2, t3; \
	VPMADD52LUQ Z25, Z6, t0; \
	VPMADD52LUQ Z5, Z3, t3; \
	VPMADD52HUQ Z5, Z3, t4; \
	VPMADD52LUQ Z5, Z4, t4; \
	VPMADD52HUQ Z5, Z4, t5; \
	VPMADD52HUQ Z25, Z6, t1; \
	VPSRLQ      $52, t0, t0; \
	VPMADD52LUQ Z26, Z6, t1; \
	VPMADD52HUQ Z26, Z6, t2; \
	VPMADD52LUQ Z27, Z6, t2; \
	VPMADD52HUQ Z27, Z6, t3; \
	VPMADD52LUQ Z28, Z6, t3; \
	VPADDQ      t0, t1, t1; \
	VPMADD52HUQ Z28, Z6, t4; \
	VPMADD52LUQ Z29, Z6, t4; \
	VPMADD52HUQ Z29, Z6, t5

// CARRY makes limbs of 52 bits; the limbs may be negative before.
#define CARRY(r0, r1, r2, r3, r4, t) \
	VPSRAQ $52, r0, t; \
	VPANDQ Z31, r0, r0; \
	VPADDQ t, r1, r1; \
	VPSRAQ $52, r1, t; \
	VPANDQ Z31, r1, r1; \
	VPADDQ t, r2, r2; \
	VPSRAQ $52, r2, t; \
	VPANDQ Z31, r2, r2; \
	VPADDQ t, r3, r3; \
	VPSRAQ $52, r3, t; \
	VPANDQ Z31, r3, r3; \
	VPADDQ t, r4, r4

// MUL leaves x (Z0..Z4) times the number at p in Z15, Z10, Z11, Z12, Z13.
#define MUL(p) \
	VPXORQ Z10, Z10, Z10; \
	VPXORQ Z11, Z11, Z11; \
	VPXORQ Z12, Z12, Z12; \
	VPXORQ Z13, Z13, Z13; \
	VPXORQ Z14, Z14, Z14; \
	ROUND(0, p, Z10, Z11, Z12, Z13, Z14, Z15); \
	ROUND(64, p, Z11, Z12, Z13, Z14, Z15, Z10); \
	ROUND(128, p, Z12, Z13, Z14, Z15, Z10, Z11); \
	ROUND(192, p, Z13, Z14, Z15, Z10, Z11, Z12); \
	ROUND(256, p, Z14, Z15, Z10, Z11, Z12, Z13); \
	CARRY(Z15, Z10, Z11, Z12, Z13, Z6)

// func mul(z, x, y *Block, n int)
TEXT ·mul(SB), NOSPLIT, $0-32
	MOVQ z+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ y+16(FP), DX
	MOVQ n+24(FP), CX
	CONSTANTS

mulLoop:
	LOAD(SI, Z0, Z1, Z2, Z3, Z4)
	MUL(DX)
	STORE(Z15, Z10, Z11, Z12, Z13, DI)
	ADDQ $320, DI
	ADDQ $320, SI
	ADDQ $320, DX
	DECQ CX
	JNZ  mulLoop
	VZEROUPPER
	RET

// func add(z, x, y *Block, n int)
TEXT ·add(SB), NOSPLIT, $0-32
	MOVQ z+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ y+16(FP), DX
	MOVQ n+24(FP), CX
	VPBROADCASTQ constants<>+48(SB), Z31

addLoop:
	LOAD(SI, Z0, Z1, Z2, Z3, Z4)
	VPADDQ 0(DX), Z0, Z0
	VPADDQ 64(DX), Z1, Z1
	VPADDQ 128(DX), Z2, Z2
	VPADDQ 192(DX), Z3, Z3
	VPADDQ 256(DX), Z4, Z4
	CARRY(Z0, Z1, Z2, Z3, Z4, Z6)
	STORE(Z0, Z1, Z2, Z3, Z4, DI)
	ADDQ $320, DI
	ADDQ $320, SI
	ADDQ $320, DX
	DECQ CX
	JNZ  addLoop
	VZEROUPPER
	RET

// func sub(z, x, y *Block, n int, k *[5]uint64)
TEXT ·sub(SB), NOSPLIT, $0-40
	MOVQ z+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ y+16(FP), DX
	MOVQ n+24(FP), CX
	MOVQ k+32(FP), AX
	VPBROADCASTQ constants<>+48(SB), Z31
	VPBROADCASTQ 0(AX), Z10
	VPBROADCASTQ 8(AX), Z11
	VPBROADCASTQ 16(AX), Z12
	VPBROADCASTQ 24(AX), Z13
	VPBROADCASTQ 32(AX), Z14

subLoop:
	VPADDQ 0(SI), Z10, Z0
	VPADDQ 64(SI), Z11, Z1
	VPADDQ 128(SI), Z12, Z2
	VPADDQ 192(SI), Z13, Z3
	VPADDQ 256(SI), Z14, Z4
	VPSUBQ 0(DX), Z0, Z0
	VPSUBQ 64(DX), Z1, Z1
	VPSUBQ 128(DX), Z2, Z2
	VPSUBQ 192(DX), Z3, Z3
	VPSUBQ 256(DX), Z4, Z4
	CARRY(Z0, Z1, Z2, Z3, Z4, Z6)
	STORE(Z0, Z1, Z2, Z3, Z4, DI)
	ADDQ $320, DI
	ADDQ $320, SI
	ADDQ $320, DX
	DECQ CX
	JNZ  subLoop
	VZEROUPPER
	RET

// func sub2(z, x, y, w *Block, n int, k *[5]uint64)
TEXT ·sub2(SB), NOSPLIT, $0-48
	MOVQ z+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ y+16(FP), DX
	MOVQ w+24(FP), BX
	MOVQ n+32(FP), CX
	MOVQ k+40(FP), AX
	VPBROADCASTQ constants<>+48(SB), Z31
	VPBROADCASTQ 0(AX), Z10
	VPBROADCASTQ 8(AX), Z11
	VPBROADCASTQ 16(AX), Z12
	VPBROADCASTQ 24(AX), Z13
	VPBROADCASTQ 32(AX), Z14

sub2Loop:
	VPADDQ 0(SI), Z10, Z0
	VPADDQ 64(SI), Z11, Z1
	VPADDQ 128(SI), Z12, Z2
	VPADDQ 192(SI), Z13, Z3
	VPADDQ 256(SI), Z14, Z4
	VPSUBQ 0(DX), Z0, Z0
	VPSUBQ 64(DX), Z1, Z1
	VPSUBQ 128(DX), Z2, Z2
	VPSUBQ 192(DX), Z3, Z3
	VPSUBQ 256(DX), Z4, Z4
	VPSUBQ 0(BX), Z0, Z0
	VPSUBQ 64(BX), Z1, Z1
	VPSUBQ 128(BX), Z2, Z2
	VPSUBQ 192(BX), Z3, Z3
	VPSUBQ 256(BX), Z4, Z4
	CARRY(Z0, Z1, Z2, Z3, Z4, Z6)
	STORE(Z0, Z1, Z2, Z3, Z4, DI)
	ADDQ $320, DI
	ADDQ $320, SI
	ADDQ $320, DX
	ADDQ $320, BX
	DECQ CX
	JNZ  sub2Loop
	VZEROUPPER
	RET

// TRANSPOSE turns eight rows of eight words, Z0..Z7, into columns, Z8..Z15.
#define TRANSPOSE \
	VPUNPCKLQDQ Z1, Z0, Z16; \
	VPUNPCKHQDQ Z1, Z0, Z17; \
	VPUNPCKLQDQ Z3, Z2, Z18; \
	VPUNPCKHQDQ Z3, Z2, Z19; \
	VPUNPCKLQDQ Z5, Z4, Z20; \
	VPUNPCKHQDQ Z5, Z4, Z21; \
	VPUNPCKLQDQ Z7, Z6, Z22; \
	VPUNPCKHQDQ Z7, Z6, Z23; \
	VSHUFI64X2  $0x88, Z18, Z16, Z0; \
	VSHUFI64X2  $0x88, Z19, Z17, Z1; \
	VSHUFI64X2  $0xdd, Z18, Z16, Z2; \
	VSHUFI64X2  $0xdd, Z19, Z17, Z3; \
	VSHUFI64X2  $0x88, Z22, Z20, Z4; \
	VSHUFI64X2  $0x88, Z23, Z21, Z5; \
	VSHUFI64X2  $0xdd, Z22, Z20, Z6; \
	VSHUFI64X2  $0xdd, Z23, Z21, Z7; \
	VSHUFI64X2  $0x88, Z4, Z0, Z8; \
	VSHUFI64X2  $0x88, Z5, Z1, Z9; \
	VSHUFI64X2  $0x88, Z6, Z2, Z10; \
	VSHUFI64X2  $0x88, Z7, Z3, Z11; \
	VSHUFI64X2  $0xdd, Z4, Z0, Z12; \
	VSHUFI64X2  $0xdd, Z5, Z1, Z13; \
	VSHUFI64X2  $0xdd, Z6, Z2, Z14; \
	VSHUFI64X2  $0xdd, Z7, Z3, Z15

// UNPACK turns four 64-bit words into five limbs, Z0..Z4.
#define UNPACK(w0, w1, w2, w3) \
	VPANDQ w0, Z31, Z0; \
	VPSRLQ $52, w0, Z1; \
	VPSLLQ $12, w1, Z5; \
	VPORQ  Z5, Z1, Z1; \
	VPANDQ Z31, Z1, Z1; \
	VPSRLQ $40, w1, Z2; \
	VPSLLQ $24, w2, Z5; \
	VPORQ  Z5, Z2, Z2; \
	VPANDQ Z31, Z2, Z2; \
	VPSRLQ $28, w2, Z3; \
	VPSLLQ $36, w3, Z5; \
	VPORQ  Z5, Z3, Z3; \
	VPANDQ Z31, Z3, Z3; \
	VPSRLQ $16, w3, Z4

// NEGATE takes Z0..Z4 from q where K1 is set.
#define NEGATE \
	VPSUBQ Z0, Z25, K1, Z0; \
	VPSUBQ Z1, Z26, K1, Z1; \
	VPSUBQ Z2, Z27, K1, Z2; \
	VPSUBQ Z3, Z28, K1, Z3; \
	VPSUBQ Z4, Z29, K1, Z4; \
	CARRY(Z0, Z1, Z2, Z3, Z4, Z5)

// ROW loads the row of the reference at off(R8).
#define ROW(off, r) \
	MOVL      off(R8), AX; \
	SHRQ      $1, AX; \
	SHLXQ     BX, AX, AX; \
	VMOVDQU64 (SI)(AX*1), r

#define PREFETCH(off) \
	MOVL        off(R8), AX; \
	SHRQ        $1, AX; \
	SHLXQ       BX, AX, AX; \
	PREFETCHT0 (SI)(AX*1)

// func gather(lo, hi *Block, base unsafe.Pointer, shift int, refs *uint32, n int, negate uint64)
TEXT ·gather(SB), NOSPLIT, $0-56
	MOVQ lo+0(FP), DI
	MOVQ hi+8(FP), DX
	MOVQ base+16(FP), SI
	MOVQ shift+24(FP), BX
	MOVQ refs+32(FP), R8
	MOVQ n+40(FP), CX
	MOVQ negate+48(FP), R9
	CONSTANTS
	MOVQ $1, AX
	VPBROADCASTD AX, Y24

gatherLoop:
	CMPQ CX, $3
	JLE  gatherRows
	PREFETCH(96)
	PREFETCH(100)
	PREFETCH(104)
	PREFETCH(108)
	PREFETCH(112)
	PREFETCH(116)
	PREFETCH(120)
	PREFETCH(124)

gatherRows:
	ROW(0, Z0)
	ROW(4, Z1)
	ROW(8, Z2)
	ROW(12, Z3)
	ROW(16, Z4)
	ROW(20, Z5)
	ROW(24, Z6)
	ROW(28, Z7)
	TRANSPOSE
	VMOVDQU32 (R8), Y16
	VPTESTMD  Y24, Y16, K2
	UNPACK(Z8, Z9, Z10, Z11)
	TESTQ $1, R9
	JZ    gatherLow
	KMOVW K2, K1
	NEGATE

gatherLow:
	STORE(Z0, Z1, Z2, Z3, Z4, DI)
	UNPACK(Z12, Z13, Z14, Z15)
	TESTQ $2, R9
	JZ    gatherHigh
	KMOVW K2, K1
	NEGATE

gatherHigh:
	STORE(Z0, Z1, Z2, Z3, Z4, DX)
	ADDQ $320, DI
	ADDQ $320, DX
	ADDQ $32, R8
	DECQ CX
	JNZ  gatherLoop
	VZEROUPPER
	RET

// REDUCE brings Z0..Z4 from below 32q to below q: Barrett's estimate of the
// quotient, which is at most one too small, then a conditional subtraction.
// The estimate is the top bits times 2^58/(q/2^208), over 2^58.
#define REDUCE \
	VPSRLQ      $20, Z4, Z6; \
	VPMULUDQ    Z24, Z6, Z6; \
	VPSRLQ      $38, Z6, Z6; \
	VPXORQ      Z16, Z16, Z16; \
	VPXORQ      Z17, Z17, Z17; \
	VPXORQ      Z18, Z18, Z18; \
	VPXORQ      Z19, Z19, Z19; \
	VPXORQ      Z20, Z20, Z20; \
	VPMADD52LUQ Z25, Z6, Z16; \
	VPMADD52HUQ Z25, Z6, Z17; \
	VPXORQ      Z21, Z21, Z21; \
	VPXORQ      Z22, Z22, Z22; \
	VPXORQ      Z23, Z23, Z23; \
	VPMADD52LUQ Z26, Z6, Z21; \
	VPMADD52HUQ Z26, Z6, Z18; \
	VPMADD52LUQ Z27, Z6, Z22; \
	VPMADD52HUQ Z27, Z6, Z19; \
	VPMADD52LUQ Z28, Z6, Z23; \
	VPMADD52HUQ Z28, Z6, Z20; \
	VPMADD52LUQ Z29, Z6, Z20; \
	VPSUBQ      Z16, Z0, Z0; \
	VPSUBQ      Z17, Z1, Z1; \
	VPSUBQ      Z21, Z1, Z1; \
	VPSUBQ      Z18, Z2, Z2; \
	VPSUBQ      Z22, Z2, Z2; \
	VPSUBQ      Z19, Z3, Z3; \
	VPSUBQ      Z23, Z3, Z3; \
	VPSUBQ      Z20, Z4, Z4; \
	CARRY(Z0, Z1, Z2, Z3, Z4, Z6); \
	VPSUBQ      Z25, Z0, Z16; \
	VPSUBQ      Z26, Z1, Z17; \
	VPSUBQ      Z27, Z2, Z18; \
	VPSUBQ      Z28, Z3, Z19; \
	VPSUBQ      Z29, Z4, Z20; \
	CARRY(Z16, Z17, Z18, Z19, Z20, Z6); \
	VPMOVQ2M    Z20, K1; \
	KNOTB       K1, K1; \
	VMOVDQA64   Z16, K1, Z0; \
	VMOVDQA64   Z17, K1, Z1; \
	VMOVDQA64   Z18, K1, Z2; \
	VMOVDQA64   Z19, K1, Z3; \
	VMOVDQA64   Z20, K1, Z4

// PACK turns the limbs Z0..Z4 into four 64-bit words.
#define PACK(w0, w1, w2, w3) \
	VPSLLQ $52, Z1, w0; \
	VPORQ  Z0, w0, w0; \
	VPSRLQ $12, Z1, w1; \
	VPSLLQ $40, Z2, Z6; \
	VPORQ  Z6, w1, w1; \
	VPSRLQ $24, Z2, w2; \
	VPSLLQ $28, Z3, Z6; \
	VPORQ  Z6, w2, w2; \
	VPSRLQ $36, Z3, w3; \
	VPSLLQ $16, Z4, Z6; \
	VPORQ  Z6, w3, w3

#define PLACE(off, r) \
	MOVL      off(R8), AX; \
	SHLXQ     BX, AX, AX; \
	VMOVDQU64 r, (DI)(AX*1)

// func scatter(base unsafe.Pointer, shift int, dst *uint32, lo, hi *Block, n int)
TEXT ·scatter(SB), NOSPLIT, $0-48
	MOVQ base+0(FP), DI
	MOVQ shift+8(FP), BX
	MOVQ dst+16(FP), R8
	MOVQ lo+24(FP), SI
	MOVQ hi+32(FP), DX
	MOVQ n+40(FP), CX
	CONSTANTS
	MOVQ $5417, AX
	VPBROADCASTQ AX, Z24

scatterLoop:
	LOAD(SI, Z0, Z1, Z2, Z3, Z4)
	REDUCE
	PACK(Z8, Z9, Z10, Z11)
	LOAD(DX, Z0, Z1, Z2, Z3, Z4)
	REDUCE
	PACK(Z12, Z13, Z14, Z15)
	VMOVDQA64 Z8, Z0
	VMOVDQA64 Z9, Z1
	VMOVDQA64 Z10, Z2
	VMOVDQA64 Z11, Z3
	VMOVDQA64 Z12, Z4
	VMOVDQA64 Z13, Z5
	VMOVDQA64 Z14, Z6
	VMOVDQA64 Z15, Z7
	TRANSPOSE
	PLACE(0, Z8)
	PLACE(4, Z9)
	PLACE(8, Z10)
	PLACE(12, Z11)
	PLACE(16, Z12)
	PLACE(20, Z13)
	PLACE(24, Z14)
	PLACE(28, Z15)
	ADDQ $320, SI
	ADDQ $320, DX
	ADDQ $32, R8
	DECQ CX
	JNZ  scatterLoop
	VZEROUPPER
	RET

// func suspects(out *uint8, x, y *Block, n int)
TEXT ·suspects(SB), NOSPLIT, $0-32
	MOVQ out+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ y+16(FP), DX
	MOVQ n+24(FP), CX

suspectsLoop:
	LOAD(SI, Z0, Z1, Z2, Z3, Z4)
	LOAD(DX, Z5, Z6, Z7, Z8, Z9)
	VPCMPEQQ Z0, Z5, K1
	VPCMPEQQ Z1, Z6, K1, K1
	VPCMPEQQ Z2, Z7, K1, K1
	VPCMPEQQ Z3, Z8, K1, K1
	VPCMPEQQ Z4, Z9, K1, K1
	VPORQ    Z0, Z1, Z0
	VPORQ    Z2, Z3, Z2
	VPORQ    Z0, Z2, Z0
	VPORQ    Z0, Z4, Z0
	VPTESTNMQ Z0, Z0, K2
	KORW     K2, K1, K1
	VPORQ    Z5, Z6, Z5
	VPORQ    Z7, Z8, Z7
	VPORQ    Z5, Z7, Z5
	VPORQ    Z5, Z9, Z5
	VPTESTNMQ Z5, Z5, K2
	KORW     K2, K1, K1
	KMOVW    K1, AX
	MOVB     AX, (DI)
	INCQ     DI
	ADDQ     $320, SI
	ADDQ     $320, DX
	DECQ     CX
	JNZ      suspectsLoop
	VZEROUPPER
	RET
