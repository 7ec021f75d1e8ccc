// Starts oidc-provider over https at Entra ID's paths. The first argument is a JSON file:
// certificate and key (PEM), tenant, clients (the provider's own metadata; `certificate`, a PEM,
// stands for `jwks`). When it listens it prints its port on a line; it ends with its standard input.

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import Provider from 'oidc-provider';

const { certificate, key, tenant, clients } = JSON.parse(readFileSync(process.argv[2], 'utf8'));

// Nobody reads its standard output after the port.
console.log = console.info = console.error;

const server = createServer({ cert: certificate, key });
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  server.on('request', provider(`https://localhost:${port}`).callback());
  process.stdout.write(`${port}\n`);
});
process.stdin.on('end', () => process.exit()).resume();

function provider(issuer) {
  const provider = new Provider(issuer, {
    clients: clients.map(withKeys),
    scopes: ['openid', 'offline_access', ...named(clients)],
    claims: { profile: ['preferred_username'] },
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: (_, client) => client.grantTypeAllowed('refresh_token'),
    features: {
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      devInteractions: { enabled: false },
      rpInitiatedLogout: { enabled: false },
    },
    routes: {
      authorization: `/${tenant}/oauth2/v2.0/authorize`,
      token: `/${tenant}/oauth2/v2.0/token`,
      jwks: `/${tenant}/discovery/v2.0/keys`,
      device_authorization: `/${tenant}/oauth2/v2.0/devicecode`,
      code_verification: `/${tenant}/oauth2/deviceauth`,
    },
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    cookies: { keys: ['only for tests'] },
    findAccount: (_, accountId) => ({
      accountId,
      claims: () => ({ sub: accountId, preferred_username: accountId }),
    }),
    ttl: { AccessToken: 3600, ClientCredentials: 3600, DeviceCode: 900, Grant: 86400, IdToken: 3600,
      Interaction: 3600, RefreshToken: 86400, Session: 86400 },
  });
  provider.use(async (ctx, next) => {
    if (ctx.path.endsWith('/authorize') && !ctx.query.prompt) {
      // Entra gives a refresh token to whoever asks for offline_access. OpenID Connect Core
      // (section 11) wants the person to be asked each time.
      ctx.query = { ...ctx.query, prompt: 'consent' };
    }
    if (ctx.path.startsWith('/interaction/')) {
      return signIn(provider, ctx);
    }
    return next();
  });
  provider.on('server_error', (_, error) => console.error(error));
  return provider;
}

// Everybody signs in and consents at once, as whom the request hints at; mallory declines.
async function signIn(provider, ctx) {
  const { params, prompt, grantId } = await provider.interactionDetails(ctx.req, ctx.res);
  const accountId = params.login_hint ?? 'ada@contoso.com';
  if (accountId.startsWith('mallory@')) {
    return finish(provider, ctx, { error: 'access_denied', error_description: 'declined' });
  }
  const result = { login: { accountId } };
  if (prompt.name === 'consent') {
    const grant = (await provider.Grant.find(grantId ?? ''))
      ?? new provider.Grant({ accountId, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    result.consent = { grantId: await grant.save() };
  }
  return finish(provider, ctx, result);
}

async function finish(provider, ctx, result) {
  ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, result));
}

function withKeys({ certificate, ...client }) {
  if (!certificate) return client;
  const key = new X509Certificate(certificate).publicKey.export({ format: 'jwk' });
  return { ...client, jwks: { keys: [key] } };
}

function named(clients) {
  return clients.flatMap(({ scope }) => (scope ?? '').split(' ')).filter(Boolean);
}
