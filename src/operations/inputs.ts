import { z } from 'zod';
import { auditKinds, auditLevels } from '../domain/audit-facts.ts';
import { auditOutcomes } from '../domain/audit-outcomes.ts';
import { RedeployError } from '../domain/errors.ts';
import { imagePattern, repositoryOf } from '../domain/images.ts';
import { parseInstant } from '../domain/instants.ts';
import { ticketCategories } from '../domain/ticket-status.ts';

/** More, and longer, help nobody. */
const mostFaults = 50;
const longestFault = 300;

/** Takes what a client sent, or refuses it naming every fault at once. */
function reader<Schema extends z.ZodType>(schema: Schema, root = ['input']): (input: unknown) => z.infer<Schema> {
  return (input) => {
    const result = schema.safeParse(input);
    if (result.success) return result.data;
    const { issues } = result.error;
    const faults = issues.slice(0, mostFaults).map((issue) => ({
      field: [...root, ...issue.path].join('.').slice(0, longestFault),
      message: issue.message.slice(0, longestFault),
    }));
    const told = faults.map(({ field, message }) => `${field}: ${message}`);
    if (issues.length > mostFaults) told.push(`and ${issues.length - mostFaults} more`);
    throw new RedeployError('INVALID_INPUT', told.join('; '), { fields: faults.map(({ field }) => field) });
  };
}

// PostgreSQL stores no NUL, terminals obey others, and but for tab and line breaks none has a place in a text for people.
const controlCharacter = /[^\P{Cc}\t\n\r]/u;

const text = (longest: number) =>
  z
    .string()
    .trim()
    .min(1, 'must not be empty')
    .max(longest, `must not be longer than ${longest} characters`)
    .refine((value) => !controlCharacter.test(value), 'must not contain control characters')
    .refine((value) => value.isWellFormed(), 'must be well-formed Unicode');

const orNull = <Schema extends z.ZodType>(schema: Schema) =>
  schema.nullish().transform((value): z.output<Schema> | null => value ?? null);

const dnsLabel = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'must be a DNS label: a–z, 0–9 and "-", at most 63 characters');

/** Kubernetes' names of Deployments: a DNS subdomain. */
const dnsSubdomain = z
  .string()
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'must be a DNS subdomain: a–z, 0–9, "-" and "."');

const businessTag = z.strictObject({ tagKey: text(63), tagValue: text(253) });

const distinct = <Item>(key: (item: Item) => string, what: string) =>
  [(items: Item[]) => new Set(items.map(key)).size === items.length, `must not name the same ${what} twice`] as const;

const longestManifest = 100_000;

/** Of a Deployment what every cluster needs; Kubernetes checks the rest when it is created. */
const deploymentManifest = z
  .looseObject({
    apiVersion: z.literal('apps/v1'),
    kind: z.literal('Deployment'),
    metadata: z.looseObject({ namespace: z.string().optional(), name: z.string().optional() }).optional(),
    spec: z.looseObject({
      selector: z.looseObject({}),
      template: z.looseObject({
        spec: z.looseObject({ containers: z.array(z.looseObject({ name: z.string(), image: z.string() })).min(1) }),
      }),
    }),
  })
  .refine(
    (manifest) => JSON.stringify(manifest).length <= longestManifest,
    `must not be longer than ${longestManifest}`,
  );

// Strict: in a file nothing else tells that a key is mistyped, and without its tags nothing is critical.
const application = z.strictObject({
  name: dnsLabel,
  businessTags: z
    .array(businessTag)
    .max(50)
    .nullish()
    .transform((tags) => tags ?? [])
    .refine(...distinct<z.infer<typeof businessTag>>((tag) => tag.tagKey, 'tag')),
  owners: z
    .strictObject({
      users: z
        .array(text(253))
        .max(100)
        .nullish()
        .transform((users) => users ?? []),
      groups: z
        .array(text(253))
        .max(100)
        .nullish()
        .transform((groups) => groups ?? []),
    })
    .refine(({ users, groups }) => users.length + groups.length > 0, 'must name at least one user or group'),
  targets: z
    .array(z.strictObject({ cluster: orNull(text(253)), namespace: dnsLabel, deploymentName: dnsSubdomain }))
    .min(1, 'must name at least one target')
    .max(20),
  manifest: orNull(deploymentManifest),
  imageRepositories: z
    .array(text(512).refine((name) => imagePattern.test(name) && repositoryOf(name) === name, 'must be a repository'))
    .max(50)
    .nullish()
    .transform((repositories) => repositories ?? []),
});

type ApplicationInput = z.infer<typeof application>;

const targetOf = ({ cluster, namespace, deploymentName }: ApplicationInput['targets'][number]): string =>
  [...(cluster === null ? [] : [cluster]), namespace, deploymentName].join('/');

/** A manifest that names another Deployment than the targets would create what nobody registered. */
const isOfTargets = ({ manifest, targets }: ApplicationInput): boolean => {
  const { name, namespace } = manifest?.metadata ?? {};
  return targets.every(
    (target) =>
      (name ?? target.deploymentName) === target.deploymentName && (namespace ?? target.namespace) === target.namespace,
  );
};
const manifestFault = { path: ['manifest'], message: 'must have the name and namespace of every target, or none' };

export const readApplicationInput = reader(
  application
    .refine(({ targets }) => new Set(targets.map(targetOf)).size === targets.length, {
      path: ['targets'],
      message: 'must not name the same target twice',
    })
    .refine(isOfTargets, manifestFault),
);

/** A file of applications for these clusters: every name and every target once. */
export const readApplicationsFile = (clusters: readonly string[]) =>
  reader(
    z.object({
      applications: z.array(application.refine(isOfTargets, manifestFault)).superRefine((all, context) => {
        const seen = new Set<string>();
        const requireOnce = (what: string, path: (string | number)[]) => {
          if (seen.has(what)) context.addIssue({ code: 'custom', path, message: `names ${what} once more` });
          seen.add(what);
        };
        for (const [i, { name, targets }] of all.entries()) {
          requireOnce(`application ${name}`, [i, 'name']);
          for (const [j, target] of targets.entries()) {
            requireOnce(`target ${targetOf(target)}`, [i, 'targets', j]);
            const message = clusterFault(target.cluster, clusters);
            if (message !== null) context.addIssue({ code: 'custom', path: [i, 'targets', j, 'cluster'], message });
          }
        }
      }),
    }),
    [],
  );

/** What is wrong with the cluster that a target names, or does not name; null where it is one of these. */
export function clusterFault(cluster: string | null, clusters: readonly string[]): string | null {
  if (cluster === null ? clusters.length === 1 : clusters.includes(cluster)) return null;
  const fault = cluster === null ? 'a target must name its cluster' : `there is no cluster ${cluster}`;
  return `${fault} (the clusters are ${clusters.join(', ')})`;
}

export const readTicketInput = reader(
  z.object({
    workOrderKey: z.literal('APPLICATION_REDEPLOY'),
    reason: text(2000),
    category: z.enum(ticketCategories),
    entries: z
      .array(
        z.object({
          detail: z.object({
            name: orNull(text(63)),
            applicationName: text(63),
            businessTags: z
              .array(z.object({ tag: businessTag }))
              .max(50)
              .nullish()
              .transform((tags) => (tags ?? []).map(({ tag }) => tag)),
          }),
          expectedEffect: orNull(text(2000)),
          rollbackPlan: orNull(text(2000)),
        }),
      )
      .min(1, 'must have at least one entry')
      .max(20),
  }),
);

export const readDecisionInput = reader(z.object({ ticketNo: text(32), comment: orNull(text(2000)) }));

const leastReason = 20;
const leastWords = 4;
const words = new Intl.Segmenter(undefined, { granularity: 'word' });

/** Different words, in any language that has them, also in one that writes no spaces. */
const differentWords = (value: string): number =>
  new Set([...words.segment(value.toLowerCase())].filter(({ isWordLike }) => isWordLike).map(({ segment }) => segment))
    .size;

const reasonOfSubstance = text(2000).refine(
  (value) => value.length >= leastReason && differentWords(value) >= leastWords,
  `must say why, in ${leastReason} characters and ${leastWords} different words or more`,
);

export const readBreakGlassInput = reader(z.object({ ticketNo: text(32), reason: reasonOfSubstance }));
export const readReviewInput = reader(z.object({ ticketNo: text(32), comment: text(2000) }));
export const readCancelInput = reader(z.object({ ticketNo: text(32), reason: orNull(text(2000)) }));
export const readCompleteInput = reader(z.object({ ticketNo: text(32), summary: orNull(text(2000)) }));
export const readRevokeInput = reader(z.object({ applicationName: text(63), username: text(253), reason: text(2000) }));
/** Of names that nobody has the token is only not valid; longer ones nobody can have. */
export const readTokenQuery = reader(
  z.object({
    applicationName: z.string().max(63, 'must not be longer than 63 characters'),
    username: orNull(z.string().max(255, 'must not be longer than 255 characters')),
  }),
  [],
);
export const readUnregisterInput = reader(z.object({ name: text(63), reason: orNull(text(2000)) }));

/** Where an application has several targets, as far as they must be told apart. */
const targetChoice = {
  applicationName: text(63),
  cluster: orNull(text(253)),
  namespace: orNull(text(63)),
  deploymentName: orNull(text(253)),
};

const containerImage = z.object({
  container: text(63),
  image: text(512).refine((image) => imagePattern.test(image), 'must be an image reference: repository[:tag][@digest]'),
});

export const readHistoryInput = reader(z.object(targetChoice));

export const readRedeployInput = reader(
  z
    .object({
      ...targetChoice,
      strategy: orNull(z.enum(['RollingUpdate', 'Recreate'])),
      reason: orNull(text(2000)),
      requestId: orNull(text(128)),
      images: orNull(
        z
          .array(containerImage)
          .min(1, 'must name at least one container')
          .max(50)
          .refine(...distinct<z.infer<typeof containerImage>>(({ container }) => container, 'container')),
      ),
      rollbackTo: orNull(z.object({ revision: orNull(z.int().min(1, 'must be 1 or more')) })),
    })
    .refine(({ images, rollbackTo }) => images === null || rollbackTo === null, {
      path: ['rollbackTo'],
      message: 'must not be given together with images',
    }),
);
export type RedeployRequest = ReturnType<typeof readRedeployInput>;

const instant = z.string().transform((value, context) => {
  const at = parseInstant(value);
  if (at === null) context.addIssue({ code: 'custom', message: 'must be an instant in ISO 8601' });
  return at ?? z.NEVER;
});

export const exportFormats = ['ndjson', 'csv'] as const;

export const readAuditExport = reader(
  z.object({
    format: z.enum(exportFormats),
    after: orNull(z.string().regex(/^\d{1,18}$/, "must be a record's id")),
    ticketNo: orNull(text(32)),
    operationId: orNull(text(64)),
    username: orNull(text(253)),
    applicationName: orNull(text(63)),
    namespace: orNull(text(63)),
    level: orNull(z.array(z.enum(auditLevels))),
    kind: orNull(z.array(z.enum(auditKinds))),
    outcome: orNull(z.array(z.enum(auditOutcomes))),
    text: orNull(text(200)),
    from: orNull(instant),
    to: orNull(instant),
  }),
);
export type AuditExportRequest = ReturnType<typeof readAuditExport>;
