// Answers what principals may do, for the tests: reads {"principals": […]} from standard input and
// prints one list of answers for each principal.
import { text } from 'node:stream/consumers'
import { runSimulation } from '@cloud-copilot/iam-simulate'

// In an account without an organization nothing stands above the policies of a principal.
async function answer(principal, request) {
  const own = principal.arn.split(':')[4]
  const named = request.resource.split(':')[4]
  const account = !named || named === 'aws' ? own : named // AWS's own policies are in every account
  const result = await runSimulation(
    {
      request: {
        principal: principal.arn,
        action: request.action,
        resource: { resource: request.resource, accountId: account },
        contextVariables: { 'aws:ResourceAccount': account, 'aws:PrincipalAccount': own, ...request.context },
      },
      identityPolicies: principal.policies.map((policy, i) => ({ name: `policy ${i + 1}`, policy })),
      permissionBoundaryPolicies: principal.boundary && [{ name: 'boundary', policy: principal.boundary }],
      serviceControlPolicies: [],
      resourceControlPolicies: [],
    },
    { simulationMode: 'Strict' },
  )
  return result.resultType === 'error' ? `error: ${JSON.stringify(result.errors)}` : result.overallResult
}

const { principals } = JSON.parse(await text(process.stdin))
const answers = []
for (const principal of principals) {
  const list = []
  for (const request of principal.requests) list.push(await answer(principal, request))
  answers.push(list)
}
process.stdout.write(JSON.stringify(answers))
