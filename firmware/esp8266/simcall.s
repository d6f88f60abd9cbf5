/* The emulator's system call: number in a2, arguments in a3..a5, result in a2. */
  .section .text.simcall,"ax",@progbits
  .global simcall
  .type simcall,@function
  .align 4
simcall:
  .byte 0x00,0x51,0x00            /* SIMCALL, which the LX106's assembler does not know */
  ret

/* What the compiler calls when it can prove that a path is never taken. */
  .section .text.abort,"ax",@progbits
  .weak abort
  .align 4
abort:
  ill
