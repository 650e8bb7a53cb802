;; A component that imports what no host has. It can be compiled, and never be started: the host has to name `acme:missing/thing@1.0.0`.
(component
  (import "acme:missing/thing@1.0.0" (instance $thing
    (export "do-it" (func (result u32)))))

  (core module $code
    (import "thing" "do-it" (func $do-it (result i32)))
    ;; "ok" to the caller of run is 0.
    (func (export "run") (result i32)
      (drop (call $do-it))
      (i32.const 0)))

  (alias export $thing "do-it" (func $do-it))
  (core func $do-it-core (canon lower (func $do-it)))
  (core instance $imports (export "do-it" (func $do-it-core)))
  (core instance $made (instantiate $code (with "thing" (instance $imports))))

  (type $run (func (result (result))))
  (func $run-lifted (type $run) (canon lift (core func $made "run")))
  (instance $run-interface (export "run" (func $run-lifted)))
  (export "wasi:cli/run@0.2.0" (instance $run-interface)))
