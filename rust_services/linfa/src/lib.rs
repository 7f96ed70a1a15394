//! linfa's adapter: tasks in, jobs out.

mod agglomerative;
mod dbscan;
mod decide;
mod dual_descent;
mod folds;
mod kmeans;
mod kmeans_moves;
mod kmeans_own;
mod knn;
mod knn_folds;
mod lasso;
mod lasso_folds;
mod linear;
mod linear_svc;
mod logistic;
mod machines;
mod mersenne;
mod mixture;
#[cfg(feature = "gaussian-mixture")]
mod mixture_own;
mod mixture_start;
mod nu_machine;
mod nu_svc;
mod pairs;
mod pca;
mod platt;
mod regression;
mod ridge;
mod scaler;
mod search;
mod svc;
mod svc_folds;
mod svc_many;
#[cfg(feature = "svr")]
mod svr;

use decide::{Mean, Vote};
use mlfleet_sdk::{Origin, Service, locked_version, start_rayon};

const NDARRAY: &str = "ndarray";
const LINALG: &str = "ndarray, linfa-linalg";
const QR: &str = "linfa-linalg: Householder's QR beside a column of ones";
const ELASTIC: &str = "linfa-elasticnet";
const MACHINES: &str = "linfa-svm";
const NEIGHBOURS: &str = "linfa-nn";

/// linfa and the tasks it can do.
#[must_use]
pub fn service() -> Service {
    let service = Service::new("linfa", locked_version("linfa"))
        .fact("ndarray", locked_version("ndarray"))
        .fact("linfa-linalg", locked_version("linfa-linalg"))
        .fact("kodama", locked_version("kodama"))
        .fact("matrixmultiply", locked_version("matrixmultiply"))
        .fact("rayon", "the main thread is one of the pool's")
        .fact("blas", "none: matrixmultiply and linfa-linalg, both Rust")
        .pool("rayon", locked_version("rayon-core"), start_rayon);
    [features, linear_models, vector_machines, neighbours, clusters]
        .into_iter()
        .fold(service, |service, family| family(service))
}

fn features(service: Service) -> Service {
    service
        .task("scaler.fit", Origin::Stock, NDARRAY, scaler::fit)
        .task("scaler.transform", Origin::Stock, NDARRAY, scaler::transform)
        .task("pca.fit", Origin::Stock, "linfa-reduction, linfa-linalg", pca::fit)
}

fn linear_models(service: Service) -> Service {
    service
        .task("linear.fit", Origin::Stock, QR, linear::fit)
        .task("linear.predict", Origin::Stock, NDARRAY, linear::predict)
        .task("ridge.fit", Origin::InRepo, LINALG, ridge::fit)
        .task("ridge.predict", Origin::InRepo, NDARRAY, ridge::predict)
        .task("ridge.cross_validate", Origin::InRepo, LINALG, ridge::cross_validate)
        .task("lasso.fit", Origin::Stock, ELASTIC, lasso::fit)
        .task("lasso.predict", Origin::Stock, NDARRAY, lasso::predict)
        .task(
            "lasso.cross_validate",
            Origin::InRepo,
            ELASTIC,
            lasso_folds::cross_validate,
        )
        .task("elastic_net.fit", Origin::Stock, ELASTIC, lasso::elastic_net_fit)
        .task(
            "elastic_net.predict",
            Origin::Stock,
            NDARRAY,
            lasso::elastic_net_predict,
        )
        .task("logistic.fit", Origin::Stock, "linfa-logistic", logistic::fit)
}

fn vector_machines(service: Service) -> Service {
    let service = service
        .task("svc.fit", Origin::Stock, MACHINES, svc::fit)
        .task("svc.predict", Origin::Stock, MACHINES, svc::predict)
        .task(
            "svc.cross_validate",
            Origin::InRepo,
            MACHINES,
            svc_folds::cross_validate,
        )
        .task("svc.calibrate", Origin::InRepo, MACHINES, svc_folds::calibrate)
        .task("svc.predict_proba", Origin::InRepo, MACHINES, svc_folds::predict_proba)
        .task("svc_ovo.fit", Origin::InRepo, MACHINES, svc_many::fit_ovo)
        .task("svc_ovo.predict", Origin::InRepo, MACHINES, svc_many::predict_ovo)
        .task("svc_ovr.fit", Origin::InRepo, MACHINES, svc_many::fit_ovr)
        .task("nu_svc.fit", Origin::Stock, MACHINES, nu_svc::fit)
        .task("nu_svc.predict", Origin::InRepo, MACHINES, nu_svc::predict)
        .task("nu_svc_ovo.fit", Origin::InRepo, MACHINES, nu_svc::fit_ovo)
        .task("linear_svc.fit", Origin::InRepo, NDARRAY, linear_svc::fit)
        .task("linear_svc.predict", Origin::InRepo, NDARRAY, linear_svc::predict);
    #[cfg(feature = "svr")]
    let service = service.task("svr.fit", Origin::Stock, MACHINES, svr::fit).task(
        "svr.predict",
        Origin::Stock,
        MACHINES,
        svr::predict,
    );
    service
}

fn neighbours(service: Service) -> Service {
    service
        .task("knn_classify.fit", Origin::Stock, NEIGHBOURS, knn::fit::<Vote>)
        .task("knn_classify.predict", Origin::InRepo, NEIGHBOURS, knn::predict::<Vote>)
        .task(
            "knn_classify.cross_validate",
            Origin::InRepo,
            NEIGHBOURS,
            knn_folds::validate,
        )
        .task("knn_regress.fit", Origin::Stock, NEIGHBOURS, knn::fit::<Mean>)
        .task("knn_regress.predict", Origin::InRepo, NEIGHBOURS, knn::predict::<Mean>)
}

fn clusters(service: Service) -> Service {
    let service = service
        .task("kmeans.fit", Origin::Stock, NDARRAY, kmeans::fit)
        .task("kmeans.predict", Origin::Stock, NDARRAY, kmeans::predict)
        .task("kmeans_pp.fit", Origin::Stock, NDARRAY, kmeans_own::fit)
        .task("kmeans_defaults.fit", Origin::Stock, NDARRAY, kmeans_own::defaults)
        .task("dbscan.fit", Origin::Stock, NEIGHBOURS, dbscan::fit)
        .task("agglomerative.fit", Origin::InRepo, "kodama", agglomerative::fit)
        .task("gaussian_mixture.em", Origin::InRepo, LINALG, mixture::fit)
        .task("gaussian_mixture.predict", Origin::InRepo, NDARRAY, mixture::predict);
    #[cfg(feature = "gaussian-mixture")]
    let service = service.task("gaussian_mixture.fit", Origin::Stock, LINALG, mixture_own::fit);
    service
}
