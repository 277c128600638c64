import type { RegistrationFact } from '../domain/audit-facts.ts';
import { BusinessTagType, OwnersType, TargetType } from './application.ts';
import { builder } from './builder.ts';

export const RegistrationType = builder.objectRef<RegistrationFact>('ApplicationRegistration').implement({
  description: 'An application as it stood in the registry.',
  fields: (t) => ({
    businessTags: t.field({
      type: [BusinessTagType],
      description: 'Its tags.',
      resolve: (registration) => registration.businessTags,
    }),
    owners: t.field({ type: OwnersType, description: 'Its owners.', resolve: (registration) => registration.owners }),
    targets: t.field({
      type: [TargetType],
      description: 'Its targets.',
      resolve: (registration) => registration.targets,
    }),
    imageRepositories: t.exposeStringList('imageRepositories', { description: 'Its further image repositories.' }),
    manifestHash: t.exposeString('manifestHash', {
      nullable: true,
      description:
        'SHA-256, hexadecimal, over the canonical JSON (RFC 8785) of its manifest; null where there was none.',
    }),
  }),
});
