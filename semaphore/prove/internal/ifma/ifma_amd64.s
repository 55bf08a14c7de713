//go:build !purego

#include "textflag.h"
#include "ifma_amd64.h"

// func mul(z, x, y *Block, n int, f *field)
TEXT ·mul(SB), NOSPLIT, $0-40
	MOVQ z+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ y+16(FP), DX
	MOVQ n+24(FP), CX
	MOVQ f+32(FP), R8
	CONSTANTS(R8)

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
	MASK

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
	MASK
	MOVQ k+32(FP), AX
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
	MASK
	MOVQ k+40(FP), AX
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

// NEGATE takes Z0..Z4 from the modulus where K1 is set.
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

// func gather(lo, hi *Block, at *fp.Element, shift int, refs *uint32, n int, negate uint64, f *field)
TEXT ·gather(SB), NOSPLIT, $0-64
	MOVQ lo+0(FP), DI
	MOVQ hi+8(FP), DX
	MOVQ at+16(FP), SI
	MOVQ shift+24(FP), BX
	MOVQ refs+32(FP), R8
	MOVQ n+40(FP), CX
	MOVQ negate+48(FP), R9
	MOVQ f+56(FP), R10
	CONSTANTS(R10)
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

// REDUCE brings Z0..Z4 from below 32 times the modulus to below it: Barrett's estimate of the
// quotient, which is at most one too small, then a conditional subtraction.
// The estimate is the top bits times 5417 = 2^58/(modulus/2^208), over 2^58;
// both moduli have the same top bits.
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

// func scatter(at *fp.Element, shift int, dst *uint32, lo, hi *Block, n int, f *field)
TEXT ·scatter(SB), NOSPLIT, $0-56
	MOVQ at+0(FP), DI
	MOVQ shift+8(FP), BX
	MOVQ dst+16(FP), R8
	MOVQ lo+24(FP), SI
	MOVQ hi+32(FP), DX
	MOVQ n+40(FP), CX
	MOVQ f+48(FP), R10
	CONSTANTS(R10)
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
