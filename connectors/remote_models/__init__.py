"""Models that run elsewhere: SageMaker, Comprehend, Bedrock, behind the same contract as ours."""
