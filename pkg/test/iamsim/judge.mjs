// Answers what principals may do, for the tests: reads {"principals": […]} from standard input and
// prints one list of answers for each principal.
import { text } from 'node:stream/consumers'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const all = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }

// In an account without an organization nothing stands above the policies of a principal. The simulator itself adds
// the resource control policy that allows everything.
const above = (policy, ...more) =>
  policy ? [{ orgIdentifier: 'r-root', policies: [policy, ...more].map((p, i) => ({ name: `org ${i + 1}`, policy: p })) }] : []

async function answer(principal, request) {
  const own = principal.arn.split(':')[4]
  const named = request.resource.split(':')[4]
  const account = !named || named === 'aws' ? own : named // AWS's own policies are in every account
  const context = { 'aws:ResourceAccount': account, 'aws:PrincipalAccount': own, 'aws:PrincipalArn': principal.arn, ...request.context }
  const result = await runSimulation(
    {
      request: {
        principal: principal.arn,
        action: request.action,
        // The root user of a member account has no policy: that of who asks alone decides.
        resource: { resource: request.resource, accountId: request.action === 'sts:AssumeRoot' ? own : account },
        contextVariables: context,
      },
      identityPolicies: principal.policies.map((policy, i) => ({ name: `policy ${i + 1}`, policy })),
      resourcePolicy: request.policy,
      permissionBoundaryPolicies: principal.boundary && [{ name: 'boundary', policy: principal.boundary }],
      serviceControlPolicies: above(principal.scp, all),
      resourceControlPolicies: above(principal.rcp),
    },
    { simulationMode: 'Strict' },
  )
  if (result.resultType === 'error') return `error: ${JSON.stringify(result.errors)}`
  if (result.resultType !== 'single') return 'error: the action is on a resource, and the request names none'
  const ignored = result.result.ignoredContextKeys ?? []
  if (ignored.length) return `error: the action has no ${ignored}`
  return result.overallResult
}

const { principals } = JSON.parse(await text(process.stdin))
const answers = []
for (const principal of principals) {
  const list = []
  for (const request of principal.requests) list.push(await answer(principal, request))
  answers.push(list)
}
process.stdout.write(JSON.stringify(answers))
