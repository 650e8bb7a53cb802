;; A core module of WASI 0.1 ("preview1"), as compilers wrote them before components: prints a line and each of its arguments, and exits
;; with as many as there are arguments besides its own name.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))

  ;; 0: an iovec (address, length) · 8: bytes written · 12: argc · 16: size of the argument text · 32: text
  ;; 1024: argv (at most 1,000 pointers) · 8192: the arguments' text
  (memory (export "memory") 2)
  (data (i32.const 32) "hello from preview1\n")
  (data (i32.const 64) "arg \n")

  (func $print (param $address i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $address))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func $length (param $text i32) (result i32)
    (local $end i32)
    (local.set $end (local.get $text))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (i32.load8_u (local.get $end))))
        (local.set $end (i32.add (local.get $end) (i32.const 1)))
        (br $next)))
    (i32.sub (local.get $end) (local.get $text)))

  (func (export "_start")
    (local $i i32)
    (local $text i32)
    (call $print (i32.const 32) (i32.const 20))
    (drop (call $args_sizes_get (i32.const 12) (i32.const 16)))
    ;; More than fits: without a look at them.
    (if (i32.or (i32.gt_u (i32.load (i32.const 12)) (i32.const 1000)) (i32.gt_u (i32.load (i32.const 16)) (i32.const 65536)))
      (then (call $proc_exit (i32.const 125))))
    (drop (call $args_get (i32.const 1024) (i32.const 8192)))
    (local.set $i (i32.const 1))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (i32.load (i32.const 12))))
        (local.set $text (i32.load (i32.add (i32.const 1024) (i32.mul (local.get $i) (i32.const 4)))))
        (call $print (i32.const 64) (i32.const 4))
        (call $print (local.get $text) (call $length (local.get $text)))
        (call $print (i32.const 68) (i32.const 1))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    ;; A host that gave no name at all has argc 0.
    (if (i32.load (i32.const 12))
      (then (call $proc_exit (i32.sub (i32.load (i32.const 12)) (i32.const 1)))))))
