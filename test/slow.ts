/** The `skip` option of a test that takes minutes: false where CIARD_SLOW_TESTS=1 asks for it. */
export const takesMinutes: false | string =
  process.env['CIARD_SLOW_TESTS'] === '1' ? false : 'takes minutes: set CIARD_SLOW_TESTS=1';
