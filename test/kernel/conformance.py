"""The public conformance suite for Jupyter kernels (jupyter_kernel_test), run against ours."""

import unittest

import jupyter_kernel_test


class CiardKernelTests(jupyter_kernel_test.KernelTests):
    kernel_name = "ciard"
    language_name = "typescript"
    file_extension = ".ts"
    code_hello_world = "console.log('hello, world')"
    code_stderr = "console.error('test')"
    completion_samples = [
        {"text": "Number.isSafe", "matches": {"isSafeInteger"}},
        {"text": "encodeURIC", "matches": {"encodeURIComponent"}},
    ]
    complete_code_samples = ["1", "console.log('hello, world')", "function f(x: number) {\n  return x * 2;\n}\n\n\n"]
    incomplete_code_samples = ["console.log('''".replace("'''", "`"), "function f(x) {", "[1, 2,", "if (true) {\n  1"]
    invalid_code_samples = ["import = 7", "const 2a = 3;", "a b c"]
    code_generate_error = "throw new Error('wanted')"
    code_execute_result = [{"code": "6 * 7", "result": "42"}, {"code": "'a' + 'b'", "result": "'ab'"}]
    code_display_data = [
        {"code": "import { display, html } from './src/kernel/display.js'; display(html('<b>x</b>'))", "mime": "text/html"},
        {"code": "import { display as show, svg } from './src/kernel/display.js'; show(svg('<svg/>'))", "mime": "image/svg+xml"},
    ]
    code_clear_output = "import { clearOutput } from './src/kernel/display.js'; clearOutput();"
    code_inspect_sample = "encodeURIComponent"
    supported_history_operations = ("tail", "range", "search")
    code_history_pattern = "6*7".replace("*", " ? ")


if __name__ == "__main__":
    unittest.main(verbosity=2)
