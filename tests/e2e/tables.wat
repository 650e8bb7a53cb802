;; A WASI 0.1 core module in text: grows its table by 64 Ki elements until the host gives no more.
(module
  (memory (export "memory") 1)
  (table $t 1 funcref)
  (func (export "_start")
    (loop $more
      (br_if $more (i32.ne (i32.const -1) (table.grow $t (ref.null func) (i32.const 65536)))))))
