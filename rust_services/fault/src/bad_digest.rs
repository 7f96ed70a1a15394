//! A service that decodes another payload than it was sent.

use std::collections::BTreeMap;

use mlfleet_sdk::proto::benchmark_server::Benchmark;
use mlfleet_sdk::proto::{
    CollectRequest, DescribeRequest, DescribeResponse, MeasureRequest, MeasureResponse, PrepareRequest, PrepareResponse,
};
use mlfleet_sdk::{Rpc, Tensor, tensors_sha256};
use tonic::{Request, Response, Status, Streaming, async_trait};

pub(crate) struct BadDigest(pub(crate) Rpc);

#[async_trait]
impl Benchmark for BadDigest {
    type CollectStream = <Rpc as Benchmark>::CollectStream;

    async fn describe(&self, request: Request<DescribeRequest>) -> Result<Response<DescribeResponse>, Status> {
        self.0.describe(request).await
    }

    async fn prepare(&self, request: Request<Streaming<PrepareRequest>>) -> Result<Response<PrepareResponse>, Status> {
        let mut response = self.0.prepare(request).await?;
        let other = BTreeMap::from([("x_train".to_owned(), Tensor::from(0.0))]);
        response.get_mut().tensors_sha256 = tensors_sha256(&other)?;
        Ok(response)
    }

    async fn measure(&self, request: Request<MeasureRequest>) -> Result<Response<MeasureResponse>, Status> {
        self.0.measure(request).await
    }

    async fn collect(&self, request: Request<CollectRequest>) -> Result<Response<Self::CollectStream>, Status> {
        self.0.collect(request).await
    }
}
