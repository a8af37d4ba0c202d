/** The GraphQL operations of W&B that a run needs, as its own clients send them. */
export const queries = {
  Viewer: `query Viewer { viewer { id entity username } }`,

  UpsertBucket: `mutation UpsertBucket($id: String, $name: String, $project: String, $entity: String, $groupName: String,
    $displayName: String, $notes: String, $commit: String, $config: JSONString, $host: String, $program: String,
    $jobType: String, $tags: [String!]) {
    upsertBucket(input: {id: $id, name: $name, modelName: $project, entityName: $entity, groupName: $groupName,
      displayName: $displayName, notes: $notes, commit: $commit, config: $config, host: $host, jobProgram: $program,
      jobType: $jobType, tags: $tags}) {
      bucket { id name displayName config historyLineCount project { name entity { name } } }
      inserted
    }
  }`,

  RunResumeStatus: `query RunResumeStatus($project: String, $entity: String, $name: String!) {
    model(name: $project, entityName: $entity) {
      id name entity { id name }
      bucket(name: $name, missingOk: true) {
        id name displayName summaryMetrics historyLineCount historyTail config wandbConfig(keys: ["t"])
      }
    }
  }`,

  HistoryPage: `query HistoryPage($entity: String!, $project: String!, $run: String!, $minStep: Int64!,
    $maxStep: Int64!, $pageSize: Int!) {
    project(name: $project, entityName: $entity) {
      run(name: $run) { history(minStep: $minStep, maxStep: $maxStep, samples: $pageSize) }
    }
  }`,

  RunState: `query RunState($entity: String!, $project: String!, $run: String!) {
    project(name: $project, entityName: $entity) { run(name: $run) { state } }
  }`,

  CreateRunFiles: `mutation CreateRunFiles($entity: String!, $project: String!, $run: String!, $files: [String!]!) {
    createRunFiles(input: {entityName: $entity, projectName: $project, runName: $run, files: $files}) {
      runID uploadHeaders files { name uploadUrl }
    }
  }`,

  NotifyScriptableRunAlert: `mutation NotifyScriptableRunAlert($entityName: String!, $projectName: String!,
    $runName: String!, $title: String!, $text: String!, $severity: AlertSeverity = INFO, $waitDuration: Duration) {
    notifyScriptableRunAlert(input: {entityName: $entityName, projectName: $projectName, runName: $runName,
      title: $title, text: $text, severity: $severity, waitDuration: $waitDuration}) { success }
  }`,

  CreateArtifact: `mutation CreateArtifact($input: CreateArtifactInput!) {
    createArtifact(input: $input) { artifact { id state artifactSequence { latestArtifact { id } } } }
  }`,

  CreateArtifactManifest: `mutation CreateArtifactManifest($artifactID: ID!, $baseArtifactID: ID, $name: String!,
    $digest: String!, $entityName: String!, $projectName: String!, $runName: String!,
    $manifestType: ArtifactManifestType!, $includeUpload: Boolean!) {
    createArtifactManifest(input: {artifactID: $artifactID, baseArtifactID: $baseArtifactID, name: $name,
      digest: $digest, entityName: $entityName, projectName: $projectName, runName: $runName, type: $manifestType}) {
      artifactManifest {
        id file { id uploadUrl @include(if: $includeUpload) uploadHeaders @include(if: $includeUpload) }
      }
    }
  }`,

  CreateArtifactFiles: `mutation CreateArtifactFiles($input: CreateArtifactFilesInput!) {
    createArtifactFiles(input: $input) {
      files { edges { node { storagePath uploadUrl uploadHeaders artifact { id } } } }
    }
  }`,

  AddAliases: `mutation AddAliases($input: AddAliasesInput!) { addAliases(input: $input) { success } }`,

  CommitArtifact: `mutation CommitArtifact($artifactID: ID!) {
    commitArtifact(input: {artifactID: $artifactID}) { artifact { id digest } }
  }`,
} as const;

export type Operation = keyof typeof queries;
