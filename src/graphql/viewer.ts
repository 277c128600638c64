import type { Actor } from '../domain/person.ts';
import type { roles } from '../domain/person.ts';
import { builder } from './builder.ts';

export const RoleEnum = builder.enumType('Role', {
  description:
    'What a person may do, as the roles claim of the sign-in token says. Other values of the claim are ignored.',
  values: {
    APPLICATION_DEPLOYER: {
      description: 'May ask for tickets and redeploy, for applications that the person or a group of theirs owns.',
    },
    APPROVER: {
      description:
        "May approve and reject other people's tickets, and read everything but auditRecords; a ticket's records are in its auditTrail.",
    },
    AUDITOR: { description: 'May read everything.' },
    ADMIN: {
      description:
        'May register applications, read everything and do what APPLICATION_DEPLOYER may for every application. Does not imply APPROVER.',
    },
    BREAK_GLASS: {
      description:
        'Beside APPLICATION_DEPLOYER: may take the tokens of an own ticket that nobody decides, where its policy allows that; somebody else reviews it afterwards.',
    },
  } satisfies Record<(typeof roles)[number], unknown>,
});

const ViewerType = builder.objectRef<Actor>('Viewer').implement({
  description: 'The person who is signed in. People are told apart by issuer and subject, not by the username.',
  fields: (t) => ({
    username: t.exposeString('username', { description: 'From the username claim (OIDC_USERNAME_CLAIM).' }),
    issuer: t.exposeString('issuer', { description: 'The OIDC issuer who vouches for the person.' }),
    subject: t.exposeString('subject', { description: "The issuer's own, unchanging name for the person." }),
    roles: t.field({ type: [RoleEnum], description: 'What the person may do.', resolve: (actor) => [...actor.roles] }),
    groups: t.field({
      type: ['String'],
      description: 'From the groups claim; applications name them as owners.',
      resolve: (actor) => [...actor.groups],
    }),
  }),
});

builder.queryField('viewer', (t) =>
  t.field({
    type: ViewerType,
    description: 'Who is asking.',
    resolve: (_, _args, ctx) => ctx.actor,
  }),
);
