import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  // As Node itself resolves: graphql stands in two formats in its package, and its types must be one module's.
  ssr: { resolve: { conditions: ['node', 'module-sync'] } },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [
      ...configDefaults.exclude,
      // On a real control plane only.
      ...(process.env['TEST_CLUSTER'] === 'kubeconfig' ? [] : ['test/parity/**', 'test/rbac/**', 'test/chart/**']),
      // Installs from the registry.
      ...(process.env['TEST_IMAGE'] === undefined ? ['test/deploy/image.test.ts'] : []),
      // Takes minutes.
      ...(process.env['TEST_MEASURE'] === undefined ? ['test/measure/**'] : []),
    ],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Most of a test's time is waiting for processes and watches; two cores carry four workers.
    maxWorkers: 4,
    // Loading the libraries anew for each file took a quarter of the run; no test changes a module.
    isolate: false,
  },
});
